"""Resuming jobs: the metadata of a file says what it was made from, so that no journal is needed."""

from collections.abc import Mapping
from pathlib import Path

from pgen.errors import OutputInvalid, PictureInvalid
from pgen.images.metadata import Fields, read_fields

ENDS = {".png": b"IEND\xaeB\x60\x82", ".gif": b";", ".jpeg": b"\xff\xd9"}
"""The last bytes of a complete file. A WebP has its length in the header instead."""

IGNORED = frozenset({"Software", "backend"})
"""Metadata that may change when a job is resumed."""

CONFLICT = "another process writes into this folder; choose another"
"""Remedy where a file changed after the job started."""


def finished_fields(path: Path) -> Fields | None:
    """Read the metadata of a finished file; None if the file is missing or incomplete.

    Atomic renames leave no incomplete file, but a power failure may.
    """
    try:
        _, fields = read_fields(path)
        return fields if _is_complete(path) else None
    except (OSError, PictureInvalid):
        return None


def _is_complete(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 == size
        end = ENDS.get(path.suffix, b"")
        file.seek(-min(size, len(end)), 2)
        return file.read() == end


def check_same(
    path: Path,
    actual: Mapping[str, str],
    expected: Mapping[str, str],
    remedy: str,
    error: type[OutputInvalid] = OutputInvalid,
) -> None:
    """Check that the metadata of a file equal those of the task that it would be skipped for.

    Raises:
        OutputInvalid: they differ; `remedy` ends the message, and `error` is raised.
    """
    for key in (*expected, *actual):
        if key not in IGNORED and not _is_same(key, actual.get(key), expected.get(key)):
            difference = f"{key} {_brief(actual.get(key))}, not {_brief(expected.get(key))}"
            raise error(f"{path}: was made with {difference}; {remedy}")


def _is_same(key: str, actual: str | None, expected: str | None) -> bool:
    """Compare two values; prompts in any case, because a job's files are named by the first spelling of a word."""
    if key == "prompt" and actual is not None and expected is not None:
        return actual.casefold() == expected.casefold()
    return actual == expected


def _brief(value: str | None) -> str:
    if value is None:
        return "left out"
    return value if len(value) <= 40 else f"{value[:40]}..."
