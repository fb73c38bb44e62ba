"""Read and write results."""

import json
from pathlib import Path
from typing import Any

from pgbench.suite import SCHEMA
from pokegan.errors import PokeganError, one_line, write_remedy
from pokegan.files import atomic_path, atomic_write


class ResultInvalid(PokeganError, ValueError):
    """A file that this version cannot read as a result, or that cannot be written."""


def read(path: Path) -> dict[str, Any]:
    """Read what ``pgbench --json`` wrote.

    Raises:
        ResultInvalid: the file is missing, or not a result of this schema.
    """
    try:
        result = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ResultInvalid(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from error
    except (ValueError, RecursionError) as error:
        raise ResultInvalid(f"{path}: is not JSON ({one_line(error)}); measure again") from error
    if not isinstance(result, dict) or result.get("schema") != SCHEMA:
        raise ResultInvalid(f"{path}: is not a result of schema {SCHEMA}; measure again")
    return result


def write(path: Path, content: str | bytes) -> None:
    """Write a whole file, replacing what is there.

    Raises:
        ResultInvalid: it cannot be written.
    """
    try:
        atomic_write(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write `result` as JSON."""
    write(path, json.dumps(result, indent=1) + "\n")


def kept(path: Path, key: str) -> dict[str, Any]:
    """Read the entries under `key` of the JSON file `path`; none if the file does not exist."""
    entries: dict[str, Any] = json.loads(path.read_text("utf-8"))[key] if path.is_file() else {}
    return entries


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
    remedy = f"{write_remedy(error)}, or choose another place"
    return ResultInvalid(f"{path}: cannot be written ({error.strerror}); {remedy}")
