"""How far two pictures are apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_PSNR = 99.0
"""Decibels of equal pictures: JSON has no infinity."""


def premultiplied(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Straight RGBA, uint8 (N, S, S, 4), to premultiplied, float32: the color of an invisible pixel does not count."""
    alpha = pixels[..., 3:].astype(np.float32)
    return np.concatenate([pixels[..., :3] * (alpha / 255), alpha], -1)


def psnr(difference: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of differences on a scale of 255, at most MAX_PSNR."""
    mean_square = float(np.square(difference).mean())
    return min(MAX_PSNR, 10 * float(np.log10(255**2 / mean_square))) if mean_square else MAX_PSNR
