"""Image metrics: PSNR, and conversions to premultiplied alpha and CIELAB."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_PSNR = 99.0
"""Decibels of equal pictures: JSON has no infinity."""

SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
"""IEC 61966-2-1; its rows sum to the white point."""


def premultiplied(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Straight RGBA, uint8 (N, S, S, 4), to premultiplied, float32: the color of an invisible pixel does not count."""
    alpha = pixels[..., 3:].astype(np.float32)
    return np.concatenate([pixels[..., :3] * (alpha / 255), alpha], -1)


def psnr(difference: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of differences on a scale of 255, at most MAX_PSNR."""
    mean_square = float(np.square(difference).mean())
    return min(MAX_PSNR, 10 * float(np.log10(255**2 / mean_square))) if mean_square else MAX_PSNR


def lab(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert sRGB colors, uint8 (..., 3), to CIELAB under D65 (CIE 15:2004), where equal distances look alike."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ (SRGB_TO_XYZ / SRGB_TO_XYZ.sum(1, keepdims=True)).T
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
