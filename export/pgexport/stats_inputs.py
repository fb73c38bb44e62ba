"""Valid conditions of stats to try a model on; without PyTorch."""

import numpy as np
from numpy.typing import NDArray

from pgtrain.data.stats_rows import RARITIES, TYPES

TOTALS = (0, 0, 300, 6, 1530, 600, 495, 180)
"""Totals to try in turn: 0 is no condition, and the least and the most are among them."""


def conditions(count: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw conditions of types, totals and rarities, in all mixtures, and none at all.

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
