"""Opening an image file of any mode and shape as one kind of picture; without PyTorch."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from pgtrain.data.background import without_background
from pgtrain.errors import DataInvalid

Background = Literal["keep", "remove"]


def open_rgba(path: Path, background: Background = "keep") -> Image.Image:
    """Decode one image file, of any mode, to straight RGBA; `remove` cuts a plain background away.

    Raises:
        DataInvalid: the file is no image, or is cut short.
    """
    try:
        with Image.open(path) as image:
            picture = _eight_bits(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataInvalid(f"{path}: cannot be decoded ({error}); replace it or take it out") from error
    return without_background(picture) if background == "remove" else picture


def padded(picture: Image.Image) -> Image.Image:
    """Centre an RGBA picture on a transparent square of its longer side."""
    side = max(picture.size)
    if picture.size == (side, side):
        return picture
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow would clip 16-bit grayscale at 255, and so turn nearly all of it white.
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray((np.array(image).clip(0, 65535) // 257).astype(np.uint8))
    return image
