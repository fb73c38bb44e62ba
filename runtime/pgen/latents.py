"""Latents from seeds: the same numbers on every machine, for every batch size and order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_SEED = 2**64 - 1


def latents(seeds: Sequence[int], dimensions: int) -> NDArray[np.float32]:
    """Draw one standard normal latent a seed, float32 (N, dimensions).

    Each row depends on its own seed alone. The bits come from Philox (Salmon et al., 2011), whose stream
    NumPy guarantees; the normal numbers from the Box-Muller transform, because NumPy's own normal
    distribution may change between releases.
    """
    drawn = np.empty((len(seeds), dimensions), np.float32)
    for row, seed in enumerate(seeds):
        drawn[row] = _normal(seed, dimensions)
    return drawn


def pick(seed: int, count: int) -> int:
    """Pick one of `count` things by a seed, with bits that its latent does not use."""
    return int(np.random.Philox(key=seed, counter=2**64).random_raw()) % count


def _normal(seed: int, dimensions: int) -> NDArray[np.float64]:
    pairs = (dimensions + 1) // 2
    raw = np.random.Philox(key=seed).random_raw(2 * pairs)
    uniform = ((raw >> np.uint64(11)) + 0.5) / 2.0**53  # in (0, 1), so that the logarithm is finite
    radius = np.sqrt(-2 * np.log(uniform[:pairs]))
    angle = 2 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:dimensions]
