import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgtrain.cli import main
from pgtrain.options import RecipeCommand
from pgtrain.systems import registry
from pgtrain.systems.dcgan.config import RECIPES, DCGANConfig
from pgtrain.systems.registry import SYSTEMS


def parsed(*arguments: str) -> DCGANConfig:
    configs: list[DCGANConfig] = []

    def train(chosen: dict[str, str], **recipe: object) -> None:
        configs.append(DCGANConfig(**recipe))  # type: ignore[arg-type]

    command = RecipeCommand("train", DCGANConfig, RECIPES, callback=train)
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    if done.exception:
        raise done.exception
    return configs[0]


def toml(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return str(path)


def test_defaults_and_recipes() -> None:
    assert parsed() == DCGANConfig()
    original = parsed("--recipe", "original")
    assert (original.loss, original.batch, original.augment) == ("bce", 128, False)


@pytest.mark.parametrize("turned", [False, True])
def test_command_line_wins_over_the_file_and_the_file_over_the_recipe(tmp_path: Path, turned: bool) -> None:
    file = toml(tmp_path, 'batch = 9\nloss = "hinge"\nlatent-dim = 7\n')
    sources = ["--recipe", "original"], ["--config", file]
    first, second = sources[::-1] if turned else sources
    config = parsed("--batch", "5", *first, *second)
    assert (config.batch, config.loss, config.latent_dim, config.channels) == (5, "hinge", 7, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch = ", "not valid TOML"),
        ("no-such = 1", "unknown option: no_such"),
        ('batch = "many"', "batch must be an integer"),
        ("batch = 0", "'--batch'"),
        ('loss = "mse"', "'--loss'"),
        ("batch = 1.9", "batch must be an integer, not 1.9"),
        ("batch = true", "batch must be an integer"),
        ("batch = [4]", "batch must be an integer"),
        ("augment = 1", "augment must be true or false"),
        ("lr = '1'", "lr must be a number"),
        ("loss = 1", "loss must be a string"),
        ("lr = nan", "'--lr'"),
    ],
)
def test_bad_file_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(click.ClickException, match=message):
        parsed("--config", toml(tmp_path, text))


def test_file_may_name_a_recipe(tmp_path: Path) -> None:
    file = toml(tmp_path, 'recipe = "original"\nbatch = 9')
    assert (parsed("--config", file).loss, parsed("--config", file).batch) == ("bce", 9)
    assert parsed("--recipe", "default", "--config", file).loss == DCGANConfig().loss
    with pytest.raises(click.ClickException, match="unknown recipe: none; choose from default, original"):
        parsed("--config", toml(tmp_path, 'recipe = "none"'))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"none\.toml"):
        parsed("--config", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("option", "value"),
    [("beta1", "1"), ("beta2", "1"), ("lr", "nan"), ("lr", "inf"), ("width", "999999999"), ("ema", "2")],
)
def test_value_out_of_range_is_rejected(option: str, value: str) -> None:
    with pytest.raises(click.ClickException, match=f"'--{option}'"):
        parsed(f"--{option}", value)


@pytest.mark.parametrize("system", ["dcgan", "wgan", "stackgan", "stats"])
def test_file_may_set_every_option_of_help(system: str, tmp_path: Path) -> None:
    command = main.commands[system]
    names = [each.name for each in command.params if each.name not in ("config", "help")]
    assert {"data", "out", "epochs", "keep"} <= set(names)
    for name in names:
        done = CliRunner().invoke(main, [system, "--config", toml(tmp_path, f"{name} = {{}}")])
        assert "must be" in done.output, name
    done = CliRunner().invoke(main, [system, "--config", toml(tmp_path, "epochs = 1.9")])
    assert "epochs must be an integer, not 1.9" in done.output
    assert CliRunner().invoke(main, [system, "--seed", str(2**64)]).exit_code == 2


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_option_is_read(system: str) -> None:
    folder = Path(registry.__file__).parent
    code = "".join(path.read_text("utf-8") for path in (folder / "unconditional.py", *(folder / system).glob("*.py")))
    code += "".join(path.read_text("utf-8") for path in (folder.parent / "train.py", folder.parent / "data/dataset.py"))
    unread = [field.name for field in fields(SYSTEMS[system].config) if not re.search(rf"config\.{field.name}\b", code)]
    assert unread == []
