"""What a resumed run remembers, what may change and what is refused."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pgtrain.engine import checkpoint
from pgtrain.engine.run import CHECKPOINT, Run
from tests.conftest import Command

SMALL = ("--size", "32", "--width", "4", "--batch", "4", "--latent-dim", "4", "--precision", "fp32", "--pretrain", "0")


@pytest.fixture
def started(inside: Command, small_data: Path, tmp_path: Path) -> Path:
    """A run of one epoch, started with a relative path."""
    call = ("pgtrain", "dcgan", "--data", small_data.name, "--out", tmp_path / "run", *SMALL, "--epochs", 1)
    done = inside(*call, cwd=small_data.parent)
    assert done.returncode == 0, done.stderr
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("option", "value", "own"),
    [("width", 8, 4), ("batch", 6, 4), ("seed", 3, 0), ("size", 64, 32), ("hold-out", 0.5, 0.0), ("beta1", 0.5, 0.0)],
)
def test_resume_refuses_an_option_that_cannot_change(
    inside: Command, started: Path, option: str, value: object, own: object
) -> None:
    before = (started / "config.json").read_bytes()
    done = inside("pgtrain", "dcgan", "--out", started, "--resume", "--epochs", 2, f"--{option}", value)
    assert done.returncode == 2
    assert f"has {option.replace('-', '_')} {own} instead of {value}; keep what the run has" in done.stderr
    assert "(leave out the options," in done.stderr
    assert (started / "config.json").read_bytes() == before


def test_folder_of_another_run_is_refused_with_both_remedies(inside: Command, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    done = inside("pgtrain", "dcgan", "--data", small_data, "--out", tmp_path, *SMALL)
    assert done.returncode == 2
    assert "holds a run already; resume it, or choose another folder (--resume continues it" in done.stderr


def test_resume_names_the_recipe_or_file_that_sets_an_option(inside: Command, started: Path, tmp_path: Path) -> None:
    file = tmp_path / "wide.toml"
    file.write_text("width = 16")
    call = ("pgtrain", "dcgan", "--out", started, "--resume")
    done = inside(*call, "--recipe", "original", "--beta1", 0.25)
    assert "width 4 instead of 64 (of recipe original)" in done.stderr
    assert "beta1 0.0 instead of 0.25 (of" not in done.stderr
    assert "beta1 0.0 instead of 0.25" in done.stderr
    done = inside(*call, "--config", file)
    assert f"has width 4 instead of 16 (of {file}); keep what the run has" in done.stderr


def test_resume_remembers_data_and_epochs(inside: Command, started: Path) -> None:
    done = inside("pgtrain", "dcgan", "--out", started, "--resume", "--epochs", 3)
    assert done.returncode == 0, done.stderr
    (started / CHECKPOINT).unlink()
    done = inside("pgtrain", "dcgan", "--out", started, "--resume")
    assert done.returncode == 0, done.stderr
    assert [entry["epoch"] for entry in Run(started).metrics()] == [1, 2, 3]


def test_resume_accepts_the_options_of_the_start(inside: Command, started: Path, small_data: Path) -> None:
    done = inside("pgtrain", "dcgan", "--data", small_data, "--out", started, *SMALL, "--epochs", 2, "--resume")
    assert done.returncode == 0, done.stderr


def test_resume_changes_and_records_a_learning_rate(inside: Command, started: Path) -> None:
    done = inside("pgtrain", "dcgan", "--out", started, "--resume", "--epochs", 2, "--lr", "1e-5")
    assert done.returncode == 0, done.stderr
    described = json.loads((started / "config.json").read_text())
    assert described["config"]["lr"] == 1e-5
    assert described["changes"] == [{"after_epoch": 1, "option": "lr", "from": 3e-4, "to": 1e-5}]
    groups = checkpoint.read(started / CHECKPOINT, "none")[1]["groups"]
    assert groups["generator"][0]["lr"] == 1e-5
    done = inside("pgtrain", "dcgan", "--out", started, "--resume", "--epochs", 3)
    assert checkpoint.read(started / CHECKPOINT, "none")[1]["groups"] == groups


def test_resume_drops_epochs_beyond_the_checkpoint(inside: Command, started: Path) -> None:
    first = (started / CHECKPOINT).read_bytes()
    call = ("pgtrain", "dcgan", "--out", started, "--resume", "--epochs")
    assert inside(*call, 5, "--minutes", "0", "--keep", "3").returncode == 0
    (started / CHECKPOINT).write_bytes(first)
    (started / "grids" / "00006.png").write_bytes(b"half a picture")
    (started / "timelapse.gif").write_bytes(b"of epochs that are forgotten")
    assert inside(*call, 2).returncode == 0
    assert [path.name for path in Run(started).grids()] == ["00001.png", "00002.png"]
    assert not (started / "timelapse.gif").exists()
    assert list(checkpoint.older(started / CHECKPOINT)) == [3]
    events = EventAccumulator(str(started / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("discriminator")] == [1, 2]
    assert inside("pgtrain", "report", started).returncode == 0
