"""What a command prints on a terminal, and not on a pipe."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")

COLOR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")


def at_a_terminal(bundle: Path, folder: Path, *arguments: str, **environment: str) -> tuple[str, str]:
    """Run `pgen image` with stderr on a terminal and stdout on a pipe; return what both got."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "pgen", "image", "mew", "-n", "40", *arguments]
    call += ["--bundle", str(bundle), "--out-dir", str(folder)]
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=theirs, text=True, env=os.environ | {"TERM": "xterm"} | environment
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:  # the terminal is closed at the end
            pass
        assert process.stdout is not None
        printed = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, seen
    return printed, seen.decode()


def test_progress_bar_goes_to_the_terminal_and_names_to_the_pipe(tiny_bundle: Path, tmp_path: Path) -> None:
    printed, seen = at_a_terminal(tiny_bundle, tmp_path)
    assert [Path(line).name for line in printed.splitlines()] == [f"mew_{seed}.png" for seed in range(40)]
    assert "40/40 pictures" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)
    assert COLOR.search(seen)


def test_no_color_variable_turns_colors_off(tiny_bundle: Path, tmp_path: Path) -> None:
    _, seen = at_a_terminal(tiny_bundle, tmp_path, NO_COLOR="1")
    assert "40/40" in seen
    assert not COLOR.search(re.sub(r"\x1b\[[12]m", "", seen)), "bold and faint are no colors"


def test_quiet_prints_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    assert at_a_terminal(tiny_bundle, tmp_path, "--quiet") == ("", "")


def test_picture_is_not_written_to_a_terminal(tiny_bundle: Path) -> None:
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "pgen", "image", "mew", "--out", "-", "--bundle", str(tiny_bundle)]
    done = subprocess.run(call, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "pipe it" in done.stderr
