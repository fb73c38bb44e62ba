"""Chance by a seed: the same choices on every machine and with every release of NumPy."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import accumulate
from typing import TypeVar

import numpy as np

Thing = TypeVar("Thing")


class Stream(IntEnum):
    """What is drawn from a seed beside its latent and :func:`pgen.latents.pick`, which have the streams 0 and 1."""

    NAME = 2
    LOOKS = 3
    TEXT = 4


class Dice:
    """Draws from one of a seed's streams; the bits are Philox's, whose stream NumPy guarantees."""

    def __init__(self, seed: int, stream: Stream) -> None:
        self._bits = np.random.Philox(key=seed, counter=int(stream) << 64)

    def share(self) -> float:
        """Draw a number in 0..1, 1 left out."""
        return (int(self._bits.random_raw()) >> 11) / 2.0**53

    def pick(self, things: Sequence[Thing]) -> Thing:
        """Pick one of `things`, each as likely."""
        return things[int(self.share() * len(things))]

    def weighted(self, weights: Mapping[Thing, float]) -> Thing:
        """Pick a key of `weights`, as likely as its weight says."""
        things, until = list(weights), list(accumulate(weights.values()))
        reach = self.share() * until[-1]
        return next((thing for thing, end in zip(things, until, strict=True) if reach < end), things[-1])
