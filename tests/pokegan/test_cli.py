"""What all command lines do with errors and warnings."""

import errno
import os
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pokegan.cli import Command
from pokegan.files import atomic_write
from tests.conftest import disk_full


@click.command(cls=Command)
@click.argument("out", type=click.Path(path_type=Path))
def fill(out: Path) -> None:
    """Write to a full disk."""
    if out.name == "nameless":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    atomic_write(out, "content")


def test_full_disk_is_not_blamed_on_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "dup2", lambda *handles: None)  # it would close pytest's own stdout
    nameless = CliRunner().invoke(fill, ["nameless"])
    assert (nameless.exit_code, "stdout" in nameless.output) == (2, False)
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    named = CliRunner().invoke(fill, [str(tmp_path / "a.png")])
    assert named.exit_code == 2
    assert f"{tmp_path / 'a.png'}: No space left on device; free space, or name another" in named.output


@click.command(cls=Command)
@click.argument("code", type=int)
def forbid(code: int) -> None:
    """Read or write what may not be."""
    raise OSError(code, os.strerror(code), "a.csv")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_forbidden_file_is_one_line(code: int) -> None:
    done = CliRunner().invoke(forbid, [str(code)])
    assert done.exit_code == 2
    assert done.output.splitlines() == [f"Error: a.csv: {os.strerror(code)}; fix its permissions, or name another"]


@click.command(cls=Command)
def warn() -> None:
    """Warn as a library does."""
    warnings.warn("use another function", FutureWarning, stacklevel=1)


def test_warnings_of_libraries_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        shown: list[object] = []
        monkeypatch.setattr(warnings, "showwarning", lambda *about: shown.append(about))
        assert CliRunner().invoke(warn).exit_code == 0
        assert shown == []
        warnings.simplefilter("error")  # as -W error does
        assert isinstance(CliRunner().invoke(warn).exception, FutureWarning)
