import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pgtrain.engine import checkpoint, loop
from pgtrain.engine.accelerator import Accelerator
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.display import Display
from pgtrain.engine.run import CHECKPOINT
from pgtrain.errors import Diverged, Interrupted, RunInvalid, RunNotFound
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.memory_gan import MemoryStackGAN
from pgtrain.train import Request
from pgtrain.train import train as start
from tests.conftest import disk_full

RECIPE = {"width": 8, "batch": 4, "stage1_pretrain": 1, "stage1_epochs": 2}


def train(
    data: Path, out: Path, encoder: Path, epochs: int, *, resume: bool = False, minutes: float = 60, **recipe: object
) -> None:
    request = Request("stackgan", data, out, epochs, str(encoder), 7, "fp32", minutes, resume)
    start(request, StackGANConfig(**RECIPE | recipe))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run_of_one_epoch(small_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(small_data, folder, tiny_encoder, 1)
    return folder


@pytest.fixture
def run(run_of_one_epoch: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(run_of_one_epoch, tmp_path / "run"))


def signaled_at(step: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process get a signal within a step of training; one that is not collected ends no test run."""
    real_step, calls = MemoryStackGAN.train_step, []

    def counted(self: MemoryStackGAN, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), number)
        return real_step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryStackGAN, "train_step", counted)


@pytest.fixture(params=[name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that is not ignored, as SIGHUP is under nohup, and that does not end pytest."""
    number = getattr(signal, request.param)
    before = signal.signal(number, lambda *_: pytest.fail(f"{request.param} was not collected"))
    yield number
    signal.signal(number, before)


def test_signal_stops_the_training_after_its_step(
    small_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    signaled_at(1, number, monkeypatch)
    with pytest.raises(Interrupted, match="resume"):
        train(small_data, tmp_path / "run", tiny_encoder, 3)
    assert Position(**checkpoint.read(tmp_path / "run" / CHECKPOINT)[1]["position"]) == Position(0, 1, 1)


def test_interrupted_and_resumed_equals_uninterrupted(
    small_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small_data, tmp_path / "whole", tiny_encoder, 3)
    signaled_at(5, signal.SIGINT, monkeypatch)  # in the middle of the second epoch
    with pytest.raises(Interrupted, match="resume"):
        train(small_data, tmp_path / "parts", tiny_encoder, 3)
    begun = []

    class Recording(Display):
        def __init__(self, epochs: int, done: float, shown: bool = True) -> None:
            begun.append(done)
            super().__init__(epochs, done, shown)

    monkeypatch.setattr(loop, "Display", Recording)
    train(small_data, tmp_path / "parts", tiny_encoder, 2, resume=True)
    train(small_data, tmp_path / "parts", tiny_encoder, 3, resume=True)
    assert begun == [pytest.approx(1 + 2 / 3), 2]

    whole, parts = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    different = [name for name in whole if not torch.equal(whole[name], parts[name])]
    assert not different
    grids = sorted(path.name for path in (tmp_path / "parts" / "grids").iterdir())
    assert grids == [f"{epoch:05d}.png" for epoch in range(1, 4)]


def test_run_is_not_overwritten(small_data: Path, tiny_encoder: Path, run: Path) -> None:
    before = (run / CHECKPOINT).read_bytes()
    with pytest.raises(RunInvalid, match="resume"):
        train(small_data, run, tiny_encoder, 1)
    assert (run / CHECKPOINT).read_bytes() == before


def test_cut_checkpoint_is_rejected(small_data: Path, tiny_encoder: Path, run: Path) -> None:
    path = run / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunInvalid, match="damaged or cut short"):
        train(small_data, run, tiny_encoder, 2, resume=True)


def test_checkpoint_without_permission_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"weights": torch.zeros(1)}, tmp_path / CHECKPOINT)

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RunInvalid, match=r"cannot be read \(Permission denied\); see its permissions"):
        checkpoint.read(tmp_path / CHECKPOINT)


def test_other_data_is_rejected(small_data: Path, tiny_encoder: Path, run: Path) -> None:
    path = run / "config.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"data": described["data"] | {"digest": "0" * 64}}))
    with pytest.raises(RunInvalid, match="other data"):
        train(small_data, run, tiny_encoder, 2, resume=True)


def test_resume_without_run_is_rejected(small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="choose the folder of a run"):
        train(small_data, tmp_path / "none", tiny_encoder, 2, resume=True)


def test_divergence_stops_and_keeps_the_checkpoint(small_data: Path, tiny_encoder: Path, run: Path) -> None:
    before = (run / CHECKPOINT).read_bytes()
    path = run / "config.json"
    described = json.loads(path.read_text())
    described["config"]["pretrain_lr"] = float("inf")
    path.write_text(json.dumps(described))
    with pytest.raises(Diverged, match="epoch 2"):
        train(small_data, run, tiny_encoder, 2, resume=True)
    assert (run / CHECKPOINT).read_bytes() == before


def test_failed_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        accelerator = Accelerator("fp32")
        networks = torch.nn.ModuleDict({"one": torch.nn.Linear(2, 2)})
        optimizers: dict[str, torch.optim.Optimizer] = {}  # noqa: RUF012

    path = tmp_path / CHECKPOINT
    checkpoint.save(path, Small(), Position(1, 2, 3))  # type: ignore[arg-type]
    before = path.read_bytes()
    monkeypatch.setattr(checkpoint, "save_file", disk_full)
    with pytest.raises(RunInvalid, match="No space"):
        checkpoint.save(path, Small(), Position(2, 0, 0))  # type: ignore[arg-type]
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT]
    assert path.read_bytes() == before
    assert checkpoint.restore(path, Small()) == Position(1, 2, 3)  # type: ignore[arg-type]
