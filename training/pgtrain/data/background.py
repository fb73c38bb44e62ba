"""Removal of plain backgrounds."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixel = TypeVar("Pixel", np.float32, np.bool_)

TOLERANCE = 24
"""Largest difference of any channel, in 0..255, from the background's color: above JPEG noise, below a pale belly."""

UNIFORM = 0.6
"""Share of the border that must be of one color for it to count as a plain background."""


def without_background(picture: Image.Image) -> Image.Image:
    """Make the background of an RGBA picture transparent: the pixels of the border's color that are connected to it.

    A picture is returned unchanged if it has any transparency already, if its border has many colors (a photograph), or
    if nothing would be left.
    """
    pixels = np.array(picture)
    if pixels[..., 3].min() < 255:
        return picture
    colors = pixels[..., :3].astype(np.float32)
    near = np.abs(colors - np.median(_border(colors), axis=0)).max(-1) <= TOLERANCE
    if _border(near).mean() < UNIFORM:
        return picture
    outside = connected_to_border(near)
    if outside.all():
        return picture
    pixels[outside] = 0
    return Image.fromarray(pixels)


def connected_to_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the true pixels of `mask` (H, W) from which a 4-connected path of true pixels reaches the border."""
    reached = np.zeros_like(mask)
    reached[[0, -1]], reached[:, [0, -1]] = mask[[0, -1]], mask[:, [0, -1]]
    before = -1
    # Sweeps along the four directions, a row at a time, until nothing is added: few, and each is fast.
    while before != (before := int(reached.sum())):
        for view, allowed in ((reached, mask), (reached.T, mask.T)):
            _sweep(view, allowed)
            _sweep(view[::-1], allowed[::-1])
    return reached


def _sweep(reached: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> None:
    for row in range(1, len(reached)):
        reached[row] |= reached[row - 1] & allowed[row]


def _border(pixels: NDArray[Pixel]) -> NDArray[Pixel]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
