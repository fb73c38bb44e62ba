"""Which files of a job are finished: a file tells by itself what made it, so that no journal need be kept."""

from collections.abc import Mapping
from pathlib import Path

from pgen.errors import OutputInvalid, PictureInvalid
from pgen.images.metadata import read_facts

ENDS = {".png": b"IEND\xaeB\x60\x82", ".gif": b";"}
"""The last bytes of a whole file. A WebP tells its length instead."""

INDIFFERENT = frozenset({"Software"})
"""Facts that may change while a job is resumed."""


def finished_facts(path: Path) -> dict[str, str] | None:
    """Read the facts of a finished file; None where there is no file, or no whole picture.

    Renaming never leaves half a file, but a machine that loses its power may.
    """
    try:
        _, told = read_facts(path)
        return told if _is_whole(path) else None
    except (OSError, PictureInvalid):
        return None


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 == size
        end = ENDS.get(path.suffix, b"")
        file.seek(-min(size, len(end)), 2)
        return file.read() == end


def check_same(path: Path, found: Mapping[str, str], wanted: Mapping[str, str], mend: str) -> None:
    """Check that a file was made from the request, the bundle and the settings that are `wanted` of it.

    Raises:
        OutputInvalid: it was not; `mend` ends the message.
    """
    for key in (*wanted, *found):
        mine, its = wanted.get(key), found.get(key)
        if mine != its and key not in INDIFFERENT:
            raise OutputInvalid(f"{path}: was made with {key} {_brief(its)}, not {_brief(mine)}; {mend}")


def _brief(value: str | None) -> str:
    if value is None:
        return "left out"
    return value if len(value) <= 40 else f"{value[:40]}..."
