"""Latents from seeds: equal on every machine, for every batch size and order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_SEED = 2**64 - 1

CHUNK = 256
"""Seeds per step, so that intermediate arrays fit a cache."""


def latents(seeds: Sequence[int], dimensions: int) -> NDArray[np.float32]:
    """Draw one standard normal latent per seed, float32 (N, dimensions).

    Each row depends only on its own seed. The bits come from Philox (Salmon et al., 2011), whose stream
    NumPy guarantees; the normal numbers from the Box-Muller transform, because NumPy's own normal
    distribution may change between releases.
    """
    drawn = np.empty((len(seeds), dimensions), np.float32)
    pairs = (dimensions + 1) // 2
    for first in range(0, len(seeds), CHUNK):
        drawn[first : first + CHUNK] = _normal(_bits(seeds[first : first + CHUNK], 2 * pairs))[:, :dimensions]
    return drawn


def pick(seed: int, count: int) -> int:
    """Pick an index below `count` by a seed, with bits that its latent does not use."""
    return int(np.random.Philox(key=seed, counter=2**64).random_raw()) % count


def _bits(seeds: Sequence[int], count: int) -> NDArray[np.uint64]:
    """Draw the first `count` outputs of each seed's stream, uint64 (N, count)."""
    source = np.random.Philox(key=0)
    start = source.state  # of a stream's beginning; setting it takes a tenth of the time of a new Philox
    raw = np.empty((len(seeds), count), np.uint64)
    for row, seed in enumerate(seeds):
        start["state"]["key"][0] = seed
        source.state = start
        raw[row] = source.random_raw(count)
    return raw


def _normal(raw: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn bits (N, 2P) into standard normal numbers of the same shape."""
    pairs = raw.shape[1] // 2
    uniform = ((raw >> np.uint64(11)) + 0.5) / 2.0**53  # in (0, 1), so that the logarithm is finite
    radius = np.sqrt(-2 * np.log(uniform[:, :pairs]))
    angle = 2 * np.pi * uniform[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
