"""Full and closed streams, and encodings that lack a character: files are written, and an error is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")

PGEN = f"{sys.executable} -m pgen"


def shell(call: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(call, shell=True, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("call", ["--version", "image Mew --out -", "image Mew --out x.png", "stats -n 3"])
def test_full_stdout_fails_in_one_line(call: str, tmp_path: Path) -> None:
    done = shell(f"{PGEN} {call} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: stdout: cannot be written (No space left on device); free space, or redirect it elsewhere"
    ]
    assert (tmp_path / "x.png").exists() == ("x.png" in call), "written files are kept"


@pytest.mark.parametrize(
    ("call", "code"), [("--help", 0), ("image Mew --out x.png", 0), ("image Mew --out -", 2), ("stats", 2)]
)
def test_closed_stdout(call: str, code: int, tmp_path: Path) -> None:
    done = shell(f"{PGEN} {call} >&-", tmp_path)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == (code > 0)


def test_closed_stderr_does_not_stop_a_picture(tmp_path: Path) -> None:
    done = shell(f"{PGEN} image Mew --device cpu --out a.png 2>&-", tmp_path)
    assert (done.returncode, done.stdout) == (0, "a.png\n")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("encoding", ["cp932", "cp1251", "ascii"])
@pytest.mark.parametrize(
    "call", ["pgen --help", "pgen dex --help", "pgtrain --help", "pgexport --help", "pgbench --help"]
)
def test_help_is_printed_in_every_encoding(command: Command, call: str, encoding: str) -> None:
    done = command(*call.split(), env=os.environ | {"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")


def test_line_with_a_missing_character_is_escaped(command: Command, tmp_path: Path) -> None:
    (tmp_path / "é").mkdir()
    environment = os.environ | {"PYTHONIOENCODING": "cp932", "PYTHONUTF8": "1"}
    done = command("pgen", "stats", "--out", "é/a.csv", cwd=tmp_path, env=environment, text=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, rb"\xe9/a.csv" + b"\n", b"")


def test_error_with_a_missing_character_is_one_line(command: Command) -> None:
    done = command("pgen", "reproduce", "é.png", env=os.environ | {"PYTHONIOENCODING": "cp932"})
    assert done.returncode == 2
    assert done.stderr.startswith(r"Error: \xe9.png: ")
