"""Conditions of stats to try a model on: such as can be asked for, and without PyTorch."""

import numpy as np
from numpy.typing import NDArray

from pgtrain.systems.stats.rows import RARITIES, TYPES

TOTALS = (0, 0, 300, 6, 1530, 600, 495, 180)
"""Totals that are asked for in turn: 0 asks for nothing, and the least and the most are among them."""


def conditions(count: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Ask for nothing, for types, totals and rarities, in all mixtures.

    Returns:
        float32 ``types`` (N, 18), ``total`` (N,) and ``rarity`` (N, 4), where N is `count`.
    """
    draw = np.random.default_rng(seed)
    types = np.zeros((count, len(TYPES)), np.float32)
    rarity = np.zeros((count, len(RARITIES)), np.float32)
    for row in range(count):
        first, second = divmod(int(draw.integers(len(TYPES) ** 2)), len(TYPES))
        second += second >= first  # another one than the first; the last stands for none
        types[row, [kind for kind in (first, second)[: row % 3] if kind < len(TYPES)]] = 1
        if row % 4 == 3:
            rarity[row, draw.integers(len(RARITIES))] = 1
    return {"types": types, "total": np.resize(TOTALS, count).astype(np.float32), "rarity": rarity}
