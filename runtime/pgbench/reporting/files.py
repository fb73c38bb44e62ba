"""Results as files: read with care, written whole."""

import json
from pathlib import Path
from typing import Any

from pgbench.reporting.schema import RESULT, contradictions, faults
from pgbench.suite import SCHEMA
from pokegan.errors import PokeganError
from pokegan.files import atomic_path, atomic_write


class ResultInvalid(PokeganError, ValueError):
    """A file that holds no result that this version reads."""


def read(path: Path) -> dict[str, Any]:
    """Read what ``pgbench --json`` wrote.

    Raises:
        ResultInvalid: it is not there, or no such result.
    """
    try:
        found = json.loads(path.read_text("utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise ResultInvalid(f"{path}: cannot be read ({error.strerror}); make one with pgbench --out {path}") from error
    except (ValueError, RecursionError) as error:
        raise ResultInvalid(f"{path}: is no JSON ({error}); make one with pgbench --out {path}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise ResultInvalid(f"{path}: is no result of schema {SCHEMA}, which this pgbench reads; measure again")
    if wrong := next(faults(found, RESULT), None) or next(contradictions(found), None):
        raise ResultInvalid(f"{path}: is damaged: {wrong} is missing or not what it should be; measure again")
    return dict(found)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def write(path: Path, content: str | bytes) -> None:
    """Write a whole file, replacing what is there.

    Raises:
        ResultInvalid: it cannot be written.
    """
    try:
        atomic_write(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_place(path: Path) -> Path:
    """Check that a file can be written to `path` before anything is measured, and return it.

    Raises:
        ResultInvalid: its folder is missing or cannot be written to, or it is a folder.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ResultInvalid(
            f"{path}: {'is a folder' if path.is_dir() else 'its folder is missing'}; name a file in one"
        )
    try:  # only trying shows whether a folder such as /proc can be written
        with atomic_path(path) as hidden:
            hidden.touch()
            hidden.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> ResultInvalid:
    return ResultInvalid(f"{path}: cannot be written ({error.strerror}); choose another place")
