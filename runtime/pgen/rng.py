"""Random choices from seeds: equal on every machine and with every release of NumPy."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import accumulate
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


class Stream(IntEnum):
    """Random streams of a seed; 0 and 1 belong to its latent and to :func:`pgen.latents.pick`."""

    NAME = 2
    APPEARANCE = 3
    TEXT = 4
    FUSION = 5
    FUSED_NAME = 6
    SHINY = 7
    FAMILY = 8


class Rng:
    """Random numbers from one stream of a seed; the bits come from Philox, whose stream NumPy guarantees."""

    def __init__(self, seed: int, stream: Stream) -> None:
        self._bits = np.random.Philox(key=seed, counter=int(stream) << 64)

    def uniform(self) -> float:
        """Draw a number from [0, 1)."""
        return (int(self._bits.random_raw()) >> 11) / 2.0**53

    def pick(self, items: Sequence[Item]) -> Item:
        """Pick one of `items` with equal probability."""
        return items[int(self.uniform() * len(items))]

    def weighted(self, weights: Mapping[Item, float]) -> Item:
        """Pick a key of `weights` with a probability proportional to its weight."""
        items, ends = list(weights), list(accumulate(weights.values()))
        position = self.uniform() * ends[-1]
        return next((item for item, end in zip(items, ends, strict=True) if position < end), items[-1])
