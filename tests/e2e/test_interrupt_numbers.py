"""Ctrl-C and SIGTERM in the middle of long work on numbers and cards."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def interrupted(arguments: list[object], ready: Callable[[], bool], number: int = signal.SIGINT) -> tuple[int, str]:
    """Start pgen, wait until `ready`, send it a signal; return its exit code and its stderr."""
    program = str(Path(sys.executable).parent / "pgen")
    with subprocess.Popen([program, *map(str, arguments)], stderr=subprocess.PIPE, text=True) as process:
        while not ready():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        process.send_signal(number)
        stderr = process.communicate(timeout=60)[1]
    return process.returncode, stderr


def ends(message: str) -> pytest.MarkDecorator:
    """Parametrize by Ctrl-C, which prints `message`, and SIGTERM, which prints nothing."""
    ctrl_c = (signal.SIGINT, 130, f"Error: {message}\n")
    return pytest.mark.parametrize(("number", "code", "message"), [ctrl_c, (signal.SIGTERM, 143, "")])


@ends("interrupted")
def test_interrupted_stats_leave_no_partial_file(
    full_bundle: Path, tmp_path: Path, number: int, code: int, message: str
) -> None:
    def begun() -> bool:
        return any(path.stat().st_size > 100_000 for path in tmp_path.iterdir())

    arguments = ["stats", "--bundle", full_bundle, "-n", 10**9, "--out", tmp_path / "rows.csv"]
    assert interrupted(arguments, begun, number) == (code, message)
    assert list(tmp_path.iterdir()) == []


@ends("interrupted; finished cards are kept, and dex.json lists them")
def test_interrupted_dex_keeps_and_lists_finished_cards(
    full_bundle: Path, tmp_path: Path, number: int, code: int, message: str
) -> None:
    arguments = ["dex", "--bundle", full_bundle, "-n", 10**6, "--quiet", "--out", tmp_path]
    assert interrupted(arguments, lambda: len(list(tmp_path.glob("*.html"))) > 2, number) == (code, message)
    listed = json.loads((tmp_path / "dex.json").read_text("utf-8"))["pokemon"]
    assert len(listed) >= 2
    files = {path.name for path in tmp_path.iterdir()}
    assert {entry[key] for entry in listed for key in ("card", "page")} <= files
    assert not any(name.endswith(".part") for name in files)
