"""Closed streams and encodings that lack a character: every command prints its lines and writes its files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def test_closed_stderr_does_not_stop_a_picture(tmp_path: Path) -> None:
    call = f"{sys.executable} -m pgen image Mew --device cpu --out a.png 2>&-"
    done = subprocess.run(call, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "a.png\n")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("encoding", ["cp932", "cp1251", "ascii"])
@pytest.mark.parametrize(
    "call", ["pgen --help", "pgen dex --help", "pgtrain --help", "pgexport --help", "pgbench --help"]
)
def test_help_is_printed_in_every_encoding(command: Command, call: str, encoding: str) -> None:
    done = command(*call.split(), env=os.environ | {"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")


def test_line_with_a_missing_character_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "é").mkdir()
    call = [sys.executable, "-m", "pgen", "stats", "--out", "é/a.csv"]
    environment = os.environ | {"PYTHONIOENCODING": "cp932", "PYTHONUTF8": "1"}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, rb"\xe9/a.csv" + b"\n", b"")


def test_error_with_a_missing_character_is_one_line(command: Command) -> None:
    done = command("pgen", "reproduce", "é.png", env=os.environ | {"PYTHONIOENCODING": "cp932"})
    assert done.returncode == 2
    assert done.stderr.startswith(r"Error: \xe9.png: ")
