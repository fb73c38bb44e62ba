"""Opening image files of any mode as RGBA, and fitting them into squares; without PyTorch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile

from pgtrain.data.background import without_background
from pgtrain.data.options import Background
from pgtrain.errors import DataInvalid
from pokegan.resampling import resize_rgba

ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""

SPRITE = 128
"""Pixels a side of the largest sprites."""

NEAREST = Image.Resampling.NEAREST

LONGEST = 4096
"""Pixels a side of a square that a picture is padded to; a longer one is scaled down first."""


def open_rgba(path: Path, background: Background = "keep") -> Image.Image:
    """Decode one image file, of any mode, to straight RGBA; "remove" makes a plain background transparent.

    Raises:
        DataInvalid: the file is not an image, is cut short, or cannot be read.
    """
    try:
        with Image.open(path) as image:
            _apply_png_transparency(image)
            picture = ImageOps.exif_transpose(_eight_bits(image)).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno:  # of the file system; Pillow's own have no errno
            raise DataInvalid(f"{path}: cannot be read ({error.strerror}); see its permissions") from error
        raise DataInvalid(f"{path}: cannot be decoded ({error}); replace or delete it") from error
    return without_background(picture) if background == "remove" else picture


def is_small(path: Path) -> bool:
    """Whether a file is an image of at most SPRITE pixels a side; only its header is read."""
    try:
        with Image.open(path) as image:
            return max(image.size) <= SPRITE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def fit(picture: Image.Image, size: int, whole_pixels: bool = False) -> Image.Image:
    """Fit an RGBA picture into a square of `size` pixels, keeping its aspect ratio.

    With `whole_pixels` no pixels are mixed: a smaller picture is enlarged by an integer factor and padded; a larger one
    is cropped to its visible part, and reduced by leaving out rows and columns where that is still larger.
    """
    if not whole_pixels:
        return resize_rgba(padded(picture), (size, size))
    scale: float = size // max(picture.size)
    if not scale:
        picture = picture.crop(picture.getchannel("A").getbbox() or (0, 0, 1, 1))
        scale = min(1, size / max(picture.size))
    width, height = (max(1, round(length * scale)) for length in picture.size)
    square = Image.new("RGBA", (size, size))
    square.paste(picture.resize((width, height), NEAREST), ((size - width) // 2, (size - height) // 2))
    return square


def padded(picture: Image.Image) -> Image.Image:
    """Center an RGBA picture on a transparent square of its longer side, at most LONGEST pixels unless it is square."""
    side = max(picture.size)
    if picture.size == (side, side):
        return picture
    if side > LONGEST:  # the square of 30,000 x 1 pixels would take 3.6 GB
        width, height = (max(1, round(length * LONGEST / side)) for length in picture.size)
        picture, side = resize_rgba(picture, (width, height)), LONGEST
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _apply_png_transparency(image: Image.Image) -> None:
    """Convert the transparent level or color of a PNG from the file's bit depth to the 8 bits of the pixels."""
    transparent = image.info.get("transparency")
    if transparent is None or not isinstance(image, PngImageFile) or not image.tile:
        return
    stored = image.tile[0][3]
    if stored in ("L;2", "L;4"):  # Pillow scales these levels to 0..255
        image.info["transparency"] = transparent * (85 if stored == "L;2" else 17)
    elif stored == "RGB;16B":  # Pillow decodes the high bytes only; read as little-endian, it decodes the low ones
        with PngImageFile(image.filename) as low:
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
            values = np.array(image).astype(np.uint16) << 8 | np.array(low)
        del image.info["transparency"]
        image.putalpha(Image.fromarray(np.where((values == transparent).all(-1), 0, 255).astype(np.uint8)))


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow would clip deeper grayscale at 255: nearly all of it would become white.
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.nan_to_num(np.array(image).astype(np.float64), posinf=0, neginf=0)
    gray = Image.fromarray((values.clip(0) // _step(image, values)).clip(0, 255).astype(np.uint8))
    if isinstance(transparent := image.info.get("transparency"), int):
        gray.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    if "exif" in image.info or image.format == "TIFF":
        gray.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    return gray


def _step(image: Image.Image, values: NDArray[np.float64]) -> float:
    """Return the width of an 8-bit level in `values`, whose range is 16 bits, 8 bits, 0..1, or up to the largest."""
    largest = float(values.max(initial=0))
    if image.mode.startswith("I;16") or image.format == "PNG":
        return 257
    if largest <= 1 and image.mode == "F":
        return 1 / 255
    if largest <= 255:
        return 1
    return 257 if largest <= 65535 else largest / 255
