"""Pictures to files: checked before anything is generated, written whole or not at all."""

import io
import math
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pgen.errors import OutputInvalid
from pgen.generator import Request

FORMATS = {".png": "PNG", ".webp": "WEBP"}
"""What can be written, by extension: both keep alpha and, as written here, every pixel."""


MAX_SIDE = 16_383
"""Pixels: the most that WebP can hold, and a gigabyte of memory."""


def check_file(path: Path) -> Path:
    """Check that a picture can be written to `path` and return it.

    Raises:
        OutputInvalid: unknown extension, missing folder, or a place that cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        known = " or ".join(FORMATS)
        raise OutputInvalid(f"{path}: unknown extension {path.suffix or '(none)'}; end the name with {known}")
    if path.is_dir():
        raise OutputInvalid(f"{path}: is a folder; name a file in it, or use --out-dir")
    _check_folder(path.parent)
    return path


def check_folder(path: Path) -> Path:
    """Make the folder `path` if need be (its parent must exist), check that it can be written, and return it.

    Raises:
        OutputInvalid: it cannot be made or written.
    """
    if not path.exists():
        _check_folder(path.parent)
        try:
            path.mkdir()
        except OSError as error:
            raise OutputInvalid(f"{path}: cannot be made ({error.strerror}); choose another place") from error
    _check_folder(path)
    return path


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise OutputInvalid(f"{folder}: no such folder; make it first")
    if not folder.is_dir():
        raise OutputInvalid(f"{folder}: is not a folder; choose another place")
    if not os.access(folder, os.W_OK):
        raise OutputInvalid(f"{folder}: cannot be written; choose another place or mend its permissions")


def resize(pixels: NDArray[np.uint8], size: int) -> Image.Image:
    """Turn one RGBA picture, uint8 (S, S, 4), into an image `size` pixels a side (Lanczos, alpha-aware)."""
    image = Image.fromarray(pixels)
    return image if image.width == size else image.resize((size, size), Image.Resampling.LANCZOS)


def layout(count: int, columns: int | None = None) -> tuple[int, int]:
    """Choose columns and rows for `count` pictures: as square as can be, unless `columns` are asked for."""
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    return columns, math.ceil(count / columns)


def check_grid(count: int, size: int, columns: int | None = None) -> None:
    """Check that a grid of `count` pictures, `size` pixels a side each, is no larger than MAX_SIDE.

    Raises:
        OutputInvalid: it would be.
    """
    side = max(layout(count, columns)) * size
    if side > MAX_SIDE:
        raise OutputInvalid(f"the grid would be {side:,} pixels long, the most is {MAX_SIDE:,}; lower -n or --size")


def grid(images: Sequence[Image.Image], columns: int | None = None) -> Image.Image:
    """Lay images of one size out on transparent ground, see :func:`layout`."""
    columns, rows = layout(len(images), columns)
    width, height = images[0].size
    sheet = Image.new("RGBA", (columns * width, rows * height))
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * width, index // columns * height))
    return sheet


def save(image: Image.Image, path: Path, facts: dict[str, str]) -> None:
    """Write `image` beside `path` and rename it into place; a PNG carries `facts` in its text chunks.

    Raises:
        OutputInvalid: the disk is full or the place cannot be written; nothing is left behind.
    """
    kind = FORMATS[path.suffix.lower()]
    options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {"pnginfo": _chunks(facts)}
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputInvalid(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    try:
        with os.fdopen(handle, "wb") as file:
            image.save(file, kind, **options)
        Path(beside).chmod(0o666 & ~_umask())
        Path(beside).replace(path)
    except OSError as error:
        Path(beside).unlink(missing_ok=True)
        raise OutputInvalid(
            f"{path}: cannot be written ({error.strerror}); free space or choose another place"
        ) from error
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def to_png(image: Image.Image, facts: dict[str, str]) -> bytes:
    """Encode `image` as :func:`save` does, without a file: a PNG that carries `facts`."""
    content = io.BytesIO()
    image.save(content, "PNG", pnginfo=_chunks(facts))
    return content.getvalue()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _chunks(facts: dict[str, str]) -> PngInfo:
    info = PngInfo()
    for key, value in facts.items():
        info.add_itxt(key, value)
    return info


def file_names(wanted: Iterable[Request], extension: str = ".png") -> list[str]:
    """Name a file for each request by its prompt and seed: readable, safe on every system, and no two alike."""
    names: dict[str, None] = {}
    for request in wanted:
        stem = f"{_slug(request.prompt)}_{request.seed}"
        name, copy = f"{stem}{extension}", 1
        while name in names:
            copy += 1
            name = f"{stem}_{copy}{extension}"
        names[name] = None
    return list(names)


def _slug(prompt: str) -> str:
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].rstrip("-") or "picture"
