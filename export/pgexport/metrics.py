"""How far arrays are apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def psnr(difference: Array) -> float:
    """Peak signal-to-noise ratio in dB of differences on a scale of 255; 99 stands for no difference."""
    error = float(np.square(difference).mean())
    return 99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error)))


def premultiplied(pixels: Array) -> Array:
    """Straight RGBA, uint8 (N, S, S, 4), to premultiplied, float: an invisible pixel's color is no difference."""
    alpha = pixels[..., 3:].astype(np.float32)
    return np.concatenate([pixels[..., :3] * (alpha / 255), alpha], -1)


def cosine(vectors: Array, expected: Array) -> Array:
    """Cosine of each row of `vectors`, (N, D), with the same one of `expected`: (N,)."""
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    cosines: Array = (vectors * expected).sum(1) / norms
    return cosines
