"""Runs that are killed, and runs that go on for long."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from PIL import Image

from pgtrain.cli import main
from pgtrain.engine import checkpoint
from pgtrain.engine.run import CHECKPOINT, Run
from pgtrain.errors import RunInvalid
from tests.conftest import disk_full

SMALL = ("--size", "32", "--width", "4", "--pretrain", "1", "--batch", "4", "--latent-dim", "4", "--precision", "fp32")
KILLS = 20


def start(data: Path, out: Path, epochs: int, *more: str) -> subprocess.Popen[str]:
    program = str(Path(sys.executable).parent / "pgtrain")
    resume = ["--resume"] if (out / "config.json").is_file() else []
    call = [program, "dcgan", "--data", str(data), "--out", str(out), "--epochs", str(epochs), *SMALL, *more, *resume]
    return subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_at_random_moments_the_last_good_checkpoint_is_left(small_data: Path, tmp_path: Path) -> None:
    out, dice, seen = tmp_path / "run", random.Random(0), 0
    for _ in range(KILLS):
        process = start(small_data, out, 100_000, "--minutes", "0")
        began = time.monotonic()
        while not (out / CHECKPOINT).is_file() and time.monotonic() - began < 60:
            time.sleep(0.05)
        time.sleep(dice.uniform(0, 8))
        assert process.poll() is None, process.communicate()[1]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        _, metadata = checkpoint.read(out / CHECKPOINT)
        assert metadata["position"]["total"] >= seen
        seen = metadata["position"]["total"]
    assert seen > KILLS, "it went on between the kills"
    last = start(small_data, out, metadata["position"]["epoch"] + 2)
    assert last.wait(timeout=120) == 0
    epochs = [entry["epoch"] for entry in Run(out).metrics()]
    assert epochs == list(range(1, len(epochs) + 1)), "every epoch is told once"


def test_run_killed_before_its_first_checkpoint_begins_again(small_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ["dcgan", "--data", str(small_data), "--out", str(out), *SMALL, "--epochs"]
    main([*call, "1"], standalone_mode=False)
    (out / CHECKPOINT).unlink()
    main([*call, "2", "--resume"], standalone_mode=False)
    assert [entry["epoch"] for entry in Run(out).metrics()] == [1, 2]


def test_cut_line_of_metrics_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "phase": ""}\n{"epoch": 2, "phase": ""}\n{"epo')
    run = Run(tmp_path)
    assert run.metrics() == [{"epoch": 1, "phase": ""}, {"epoch": 2, "phase": ""}]
    run.rewind(1)
    run.log({"epoch": 2, "phase": "", "loss": 0.5})
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [
        {"epoch": 1, "phase": ""},
        {"epoch": 2, "phase": "", "loss": 0.5},
    ]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads memory from /proc")
def test_memory_stays_flat_over_epochs(small_data: Path, tmp_path: Path) -> None:
    process = start(small_data, tmp_path / "run", 100_000)
    metrics = tmp_path / "run" / "metrics.jsonl"
    sizes: dict[int, int] = {}
    while len(sizes) < 2:
        assert process.poll() is None, process.communicate()[1]
        done = metrics.read_text().count("\n") if metrics.is_file() else 0
        for epochs in (50, 300):
            if done >= epochs:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                sizes.setdefault(epochs, pages * 4096)
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert sizes[300] - sizes[50] < 30e6, sizes


def test_disk_that_is_full_at_the_end_of_an_epoch_stops_the_run(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    call = ["dcgan", "--data", str(small_data), "--out", str(out), *SMALL, "--epochs"]
    main([*call, "1"], standalone_mode=False)
    before = (out / CHECKPOINT).read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", disk_full)
        with pytest.raises(click.ClickException, match=r"No space left on device.*resume") as stopped:
            main([*call, "3", "--resume"], standalone_mode=False)
    assert isinstance(stopped.value.__cause__, RunInvalid)
    assert (out / CHECKPOINT).read_bytes() == before
    main([*call, "3", "--resume"], standalone_mode=False)
    assert [entry["epoch"] for entry in Run(out).metrics()] == [1, 2, 3]
