"""Postprocessing of pixels before they are encoded: size and background."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from pgen.errors import OutputInvalid
from pgen.request import integer

if TYPE_CHECKING:
    from pgen.bundle.manifest import Model

RESAMPLE = {"lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST}
"""Filters for resizing: lanczos for smooth pictures; nearest for sprites, whose pixels stay sharp squares."""

TRANSPARENT = "transparent"

FORMATS = ("png", "webp", "gif", "jpeg")
"""PNG and WebP keep every pixel; GIF has 256 colors, and its pixels are transparent or opaque; JPEG has neither every
pixel nor transparency, and is white where the picture is transparent."""

MIN_SIZE, MAX_SIZE = 8, 4096
"""Range of a resized picture's side, in pixels."""

MAX_GRID = 2**16
"""Pictures in one grid."""


@dataclass(frozen=True)
class Postprocess:
    """How pixels become a file: all that its content depends on beside the request and the bundle.

    Attributes:
        size: side in pixels, MIN_SIZE to MAX_SIZE; None for the model's size.
        resample: a key of RESAMPLE; None for what the model says, or else lanczos.
        background: "transparent", the name of a color in CSS such as "navy", or "#ff8800" or "#f80".
        format: one of FORMATS.
    """

    size: int | None = None
    resample: str | None = None
    background: str = TRANSPARENT
    format: str = "png"

    def __post_init__(self) -> None:
        """Validate every field.

        Raises:
            OutputInvalid: a field is out of range.
        """
        if self.size is not None:
            object.__setattr__(self, "size", integer("size", self.size, OutputInvalid))
        if self.size is not None and not MIN_SIZE <= self.size <= MAX_SIZE:
            raise OutputInvalid(f"size {self.size}: must be from {MIN_SIZE} to {MAX_SIZE:,} pixels")
        if self.resample not in (None, *RESAMPLE):
            raise OutputInvalid(f"resample {self.resample}: choose {' or '.join(RESAMPLE)}")
        if self.format not in FORMATS:
            raise OutputInvalid(f"format {self.format}: choose {', '.join(FORMATS)}")
        parse_color(self.background)

    def for_model(self, model: "Model | None") -> Self:
        """Fill in the filter of the model, if none was chosen; pixels of sprites are resized without mixing."""
        default = model.settings.get("resample", "lanczos") if model else "lanczos"
        return replace(self, resample=self.resample or default)

    def resize(self, pixels: NDArray[np.uint8]) -> Image.Image:
        """Convert one picture, straight RGBA uint8 (S, S, 4), into an image of the requested size."""
        image = Image.fromarray(pixels)
        if self.size is None or image.width == self.size:
            return image
        from pokegan.resampling import resize_rgba  # most pictures keep their size

        return resize_rgba(image, (self.size, self.size), RESAMPLE[self.resample or "lanczos"])

    def flatten(self, image: Image.Image) -> Image.Image:
        """Composite an RGBA image onto the background; the result is RGB unless the background is transparent."""
        color = parse_color(self.background)
        if color is None:
            return image
        return Image.alpha_composite(Image.new("RGBA", image.size, (*color, 255)), image).convert("RGB")

    def apply(self, pixels: NDArray[np.uint8]) -> Image.Image:
        """Resize and flatten one picture, uint8 (S, S, 4)."""
        return self.flatten(self.resize(pixels))


def parse_color(background: str) -> tuple[int, int, int] | None:
    """Parse a background: red, green and blue from 0 to 255, or None for transparent.

    >>> parse_color("#f80"), parse_color("navy")
    ((255, 136, 0), (0, 0, 128))

    Raises:
        OutputInvalid: `background` is not a color.
    """
    if not isinstance(background, str):
        raise OutputInvalid(f"background {background!r}: must be text, such as white")
    if background == TRANSPARENT:
        return None
    if background.lower() in ImageColor.colormap:
        red, green, blue, *_ = ImageColor.getrgb(background)
        return red, green, blue
    match = re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", background.lower())
    if match is None:
        raise OutputInvalid(f"background {background[:40]!r}: write transparent, a name such as navy, or #ff8800")
    digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue
