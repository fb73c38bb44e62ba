"""Distances between arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def cosine(vectors: Array, expected: Array) -> Array:
    """Cosine of each row of `vectors`, (N, D), with the row of `expected` at its index: (N,)."""
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    cosines: Array = (vectors * expected).sum(1) / norms
    return cosines
