"""What a training shows: a bar that fits into 80 columns, lines in a log, and nothing that ends it."""

import os
import pty
import re
import subprocess
import sys
import time

import pytest

from pgtrain.engine.display import RATE, Display

METRICS = {"critic": 1.25, "generator": -0.5, "reconstruction": 0.125, "kl": 0.25, RATE: 98.21}


def test_log_has_one_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(10, 2) as display:
        display.update(description="adversarial")
        display.update(completed=2.5)
        display.epoch(3, "adversarial", METRICS)
    losses = "critic 1.250, generator -0.500, reconstruction 0.125, kl 0.250"
    captured = capsys.readouterr()
    assert captured.err == f"epoch 3/10, adversarial: {losses}, 98.21 images/s, 0:00:00 left\n"
    assert captured.out == ""


def test_time_left_counts_the_resumed_part_of_an_epoch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 106.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with Display(400, 36.9) as display:
        display.epoch(37, "adversarial", METRICS)
    assert "6:03:00 left" in capsys.readouterr().err, "6 s for a tenth of an epoch, and 363 to come"


def test_bar_of_80_columns_keeps_epoch_and_time_left() -> None:
    script = "from pgtrain.engine.display import Display\nwith Display(200, 20) as d:\n"
    script += f"    d.epoch(21, 'stage II, adversarial', {METRICS!r})\n    d.say('Warning: [lr=0.1]')\n"
    reading, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", script], stderr=terminal, stdout=terminal, env=environment, check=True)
    os.close(terminal)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(reading, 65536).decode())
    os.close(reading)
    assert "Warning: [lr=0.1]" in shown
    assert re.search(r"21/200 \S* *\S+:\S+ stage II", shown), shown
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", shown)), shown


def test_lost_stderr_does_not_end_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as lost:
        monkeypatch.setattr(sys, "stderr", lost)
        with Display(10, 2) as display:
            display.epoch(3, "adversarial", METRICS)
            display.say("still here")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            lost.close()
