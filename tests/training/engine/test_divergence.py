"""Trainings that diverge, or whose output is closed: the good checkpoints stay."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from pgtrain.engine.checkpoint import Position, older
from pgtrain.engine.loop import Loop
from pgtrain.engine.run import CHECKPOINT, Run
from pgtrain.errors import Diverged
from tests.conftest import Command

SMALL = ("--size", "32", "--width", "4", "--batch", "4", "--latent-dim", "4", "--precision", "fp32", "--pretrain", "0")


def test_checkpoint_is_never_written_with_weights_that_are_not_finite(
    command: Command, small_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = command("pgtrain", "dcgan", "--data", small_data, "--out", out, *SMALL, "--lr", "1e9", "--minutes", "0")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "in epoch" in last
    checkpoints = [path for path in (out / CHECKPOINT, *older(out / CHECKPOINT).values()) if path.is_file()]
    assert ("last good checkpoint is kept" in last) == bool(checkpoints)
    for path in checkpoints:
        assert all(value.isfinite().all() for value in load_file(path).values() if value.is_floating_point())


@pytest.mark.parametrize(("step", "epoch"), [(0, 3), (2, 4)], ids=["at the end of an epoch", "within the next"])
def test_divergence_names_its_epoch(tmp_path: Path, step: int, epoch: int) -> None:
    position = Position(3, step, 30 + step)
    system = Mock(optimizers={})
    system.networks.state_dict.return_value = {"weight": torch.tensor(torch.nan)}
    loop = Loop(system, Mock(), Run(tmp_path), seed=0, batch=4, minutes=0, position=position)
    with pytest.raises(Diverged, match=rf"weight became infinite or NaN in epoch {epoch} \(by step {30 + step}"):
        loop._save()


@pytest.mark.parametrize("keep", [1, 3])
def test_last_checkpoints_are_kept(command: Command, small_data: Path, tmp_path: Path, keep: int) -> None:
    out = tmp_path / "run"
    call = ("pgtrain", "dcgan", "--data", small_data, "--out", out, *SMALL, "--minutes", "0", "--keep", keep)
    assert command(*call, "--epochs", 3).returncode == 0
    assert list(older(out / CHECKPOINT)) == [7, 8][: keep - 1], "steps of the checkpoints before the last, which has 9"
    steps = load_file(out / CHECKPOINT)["network.average.n_averaged"]
    assert torch.equal(steps, torch.tensor(9))


def test_runaway_is_reported_while_it_happens(command: Command, small_data: Path, tmp_path: Path) -> None:
    call = ("pgtrain", "dcgan", "--data", small_data, "--out", tmp_path / "run", *SMALL, "--lr", "1", "--epochs", 4)
    done = command(*call)
    assert "the training diverges" in done.stderr, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("sink", ["/dev/full", "closed pipe"])
def test_training_with_closed_output_is_saved(small_data: Path, tmp_path: Path, sink: str) -> None:
    program = str(Path(sys.executable).parent / "pgtrain")
    call = [program, "dcgan", "--data", str(small_data), "--out", str(tmp_path / "run"), *SMALL, "--epochs", "2"]
    if sink == "/dev/full":
        handle = os.open(sink, os.O_WRONLY)
    else:
        reading, handle = os.pipe()
        os.close(reading)
    subprocess.run(call, stdout=handle, stderr=handle, timeout=120, check=False)
    os.close(handle)
    steps = load_file(tmp_path / "run" / CHECKPOINT)["network.average.n_averaged"]
    assert torch.equal(steps, torch.tensor(6))
