"""Resizing pictures with transparency: premultiplied, and no color above alpha."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LANCZOS = Image.Resampling.LANCZOS


def resize_premultiplied(
    picture: Image.Image, size: tuple[int, int], resample: Image.Resampling = LANCZOS
) -> NDArray[np.uint8]:
    """Resize a straight RGBA image to `size` (width, height): premultiplied RGBA, uint8 (H, W, 4), color <= alpha.

    Straight colors would bleed from invisible pixels into edges. Lanczos overshoots in color and alpha by different
    amounts, and color above alpha is no color: laid on white it exceeds white, and divided by alpha it is a bright dot.
    """
    pixels = np.array(picture.convert("RGBa").resize(size, resample))
    np.minimum(pixels[..., :3], pixels[..., 3:], out=pixels[..., :3])
    return pixels


def resize_rgba(picture: Image.Image, size: tuple[int, int], resample: Image.Resampling = LANCZOS) -> Image.Image:
    """Resize a straight RGBA image as :func:`resize_premultiplied` does; the result is straight RGBA.

    Pillow's own resize of RGBA has the same visible pixels, but leaves overshoot as the color of invisible ones.
    """
    if resample == Image.Resampling.NEAREST:  # pixels are copied, so nothing mixes
        return picture.resize(size, resample)
    return Image.frombytes("RGBa", size, resize_premultiplied(picture, size, resample).tobytes()).convert("RGBA")
