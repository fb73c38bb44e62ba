"""Which files of a job are finished: a file tells by itself what made it, so that no journal need be kept."""

import json
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pgen.encode import DESCRIPTION
from pgen.errors import OutputInvalid

ENDS = {".png": b"IEND\xaeB\x60\x82", ".gif": b";"}
"""The last bytes of a whole file. A WebP tells its length instead."""

INDIFFERENT = frozenset({"Software"})
"""Facts that may change while a job is resumed."""


def read_facts(path: Path) -> dict[str, str] | None:
    """Read the facts that :func:`pgen.encode.encode` wrote; None where there is no file, or no whole picture.

    Renaming never leaves half a file, but a machine that loses its power may.
    """
    try:
        with Image.open(path) as image:
            told = {"WEBP": _of_webp, "GIF": _of_gif}.get(image.format or "", _of_png)(image)
        return told if _is_whole(path) else None
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return None


def _of_png(image: Image.Image) -> dict[str, str]:
    return {key: str(value) for key, value in image.info.items() if isinstance(value, str)}


def _of_webp(image: Image.Image) -> dict[str, str]:
    return dict(json.loads(image.getexif().get(DESCRIPTION, "{}")))


def _of_gif(image: Image.Image) -> dict[str, str]:
    return dict(json.loads(image.info.get("comment", b"{}")))


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
