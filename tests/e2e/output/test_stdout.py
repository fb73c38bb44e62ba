"""With a full or closed stdout, a command fails in one line, and files are still written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("call", "code"), [("--help", 0), ("image Mew --out x.png", 0), ("image Mew --out -", 2), ("stats", 2)]
)
def test_closed_stdout(call: str, code: int, tmp_path: Path) -> None:
    done = shell(f"{PGEN} {call} >&-", tmp_path)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == (code > 0)
