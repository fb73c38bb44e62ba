"""What happens to pixels between network and file: size, background, and a grid of many."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pgen.errors import OutputInvalid

RESAMPLE = {"lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST}
"""How a picture is resized: lanczos for smooth pictures, nearest for sprites, whose pixels stay sharp squares."""

TRANSPARENT = "transparent"

FORMATS = ("png", "webp", "gif")
"""PNG and WebP keep every pixel; GIF has 256 colours, and its pixels are transparent or not."""

MIN_SIZE, MAX_SIZE = 8, 4096
"""Pixels a side that a picture can be resized to."""

MAX_SIDE = 16_383
"""Pixels: the most that WebP can hold, and a gigabyte of memory."""

MAX_GRID = 2**16
"""Pictures that a grid can hold."""


@dataclass(frozen=True)
class Finish:
    """How pixels become a file: all that its content depends on beside the request and the bundle.

    Attributes:
        size: pixels a side, MIN_SIZE to MAX_SIZE; None leaves the model's.
        resample: a key of RESAMPLE.
        background: "transparent", "white", or a colour such as "#ff8800" or "#f80".
        format: one of FORMATS.
    """

    size: int | None = None
    resample: str = "lanczos"
    background: str = TRANSPARENT
    format: str = "png"

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            OutputInvalid: one of them is out of range.
        """
        if self.size is not None and not MIN_SIZE <= self.size <= MAX_SIZE:
            raise OutputInvalid(f"size {self.size}: pictures can have {MIN_SIZE} to {MAX_SIZE:,} pixels a side")
        if self.resample not in RESAMPLE:
            raise OutputInvalid(f"resample {self.resample}: choose {' or '.join(RESAMPLE)}")
        if self.format not in FORMATS:
            raise OutputInvalid(f"format {self.format}: choose {', '.join(FORMATS)}")
        colour(self.background)

    def resize(self, pixels: NDArray[np.uint8]) -> Image.Image:
        """Turn one picture, straight RGBA uint8 (S, S, 4), into an image of the size asked for.

        Lanczos works on premultiplied colours, so that invisible ones do not leak into edges.
        """
        image = Image.fromarray(pixels)
        if self.size is None or image.width == self.size:
            return image
        return image.resize((self.size, self.size), RESAMPLE[self.resample])

    def flatten(self, image: Image.Image) -> Image.Image:
        """Lay an RGBA image on the background; it becomes RGB unless that is transparent."""
        ground = colour(self.background)
        if ground is None:
            return image
        return Image.alpha_composite(Image.new("RGBA", image.size, (*ground, 255)), image).convert("RGB")

    def apply(self, pixels: NDArray[np.uint8]) -> Image.Image:
        """Do both to one picture, uint8 (S, S, 4)."""
        return self.flatten(self.resize(pixels))


def colour(background: str) -> tuple[int, int, int] | None:
    """Read a background: red, green and blue of 255, or None for transparent.

    >>> colour("#f80")
    (255, 136, 0)

    Raises:
        OutputInvalid: it is none.
    """
    if background == TRANSPARENT:
        return None
    found = re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", "#fff" if background == "white" else background.lower())
    if found is None:
        raise OutputInvalid(f"background {background[:40]!r}: write transparent, white, or a colour such as #ff8800")
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


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


def grid(images: Iterable[Image.Image], count: int, size: int, columns: int | None = None) -> Image.Image:
    """Lay `count` RGBA images of `size` pixels a side out on transparent ground, see :func:`layout`."""
    columns, rows = layout(count, columns)
    sheet = Image.new("RGBA", (columns * size, rows * size))
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * size, index // columns * size))
    return sheet
