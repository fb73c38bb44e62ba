"""The kinds of models in a bundle, one row each: how a run becomes one, and how it is compared. Without PyTorch.

A system of :mod:`pgtrain.systems.registry` names its kind; only a new kind needs a row here.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgtrain.data.stats_rows import RARITIES, TYPES

Inputs = Callable[[int, int], dict[str, NDArray[np.float32]]]


class Kind(NamedTuple):
    """One kind. Code is named as "module:attribute" and imported when it is needed.

    Attributes:
        compare: called with trial, inputs, runner and locator; returns the figures of :class:`Tolerance`.
        specs: called with a run and its encoder; returns the models that the run becomes. "": a part of another model.
        network: the module around a generator that computes what the model computes. "": not rebuilt for benchmarks.
        further_inputs: draws the inputs beside latent and text, from their number and a seed.
        exact: outputs are indices, of which a neighbor is as wrong as any other.
    """

    compare: str
    specs: str = ""
    network: str = ""
    further_inputs: Inputs = lambda count, seed: {}
    exact: bool = False

    def load(self, role: str) -> Any:
        """Import the code that `role` names, such as "compare"."""
        module, name = getattr(self, role).split(":")
        return getattr(import_module(module), name)


TOTALS = (0, 0, 300, 6, 1530, 600, 495, 180)
"""Totals of stats to try in turn: 0 (no condition), the minimum, the maximum and values between."""


def conditions(count: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw valid conditions of stats: types, totals and rarities, in all mixtures, and none at all.

    Returns:
        float32 ``types`` (N, 18), ``total`` (N,) and ``rarity`` (N, 4), where N is `count`.
    """
    rng = np.random.default_rng(seed)
    types = np.zeros((count, len(TYPES)), np.float32)
    rarity = np.zeros((count, len(RARITIES)), np.float32)
    for row in range(count):
        first, second = divmod(int(rng.integers(len(TYPES) ** 2)), len(TYPES))
        second += second >= first  # another one than the first; the last stands for none
        types[row, [kind for kind in (first, second)[: row % 3] if kind < len(TYPES)]] = 1
        if row % 4 == 3:
            rarity[row, rng.integers(len(RARITIES))] = 1
    return {"types": types, "total": np.resize(TOTALS, count).astype(np.float32), "rarity": rarity}


KINDS = {
    "encoder": Kind(compare="pgexport.parity.comparisons:compare_embeddings"),
    "latent-to-image": Kind(
        compare="pgexport.parity.comparisons:compare_pictures",
        specs="pgexport.tracing.specs:latent_to_image",
        network="pgexport.tracing.graphs:LatentPictures",
    ),
    "text-to-image": Kind(
        compare="pgexport.parity.comparisons:compare_pictures",
        specs="pgexport.tracing.specs:text_to_image",
        network="pgexport.tracing.graphs:TextPictures",
    ),
    "stats": Kind(
        compare="pgexport.parity.comparisons:compare_rows",
        specs="pgexport.tracing.specs:stats",
        further_inputs=conditions,
        exact=True,
    ),
}
