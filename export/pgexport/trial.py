"""The test inputs of a model, and the PyTorch network that it is compared with."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn

from pgexport.metrics import Array

BATCHES = (1, 3, 64)
"""Batches at which every model is compared."""

FARTHEST = "components 5"
"""The case of latents that are never drawn, and have limits of their own."""

Feeds = dict[str, Array]
Runner = Callable[[Feeds], list[Array]]
"""Inputs by name to outputs in order, through the runtime."""


@dataclass(frozen=True)
class Trial:
    """One model in PyTorch and its test inputs, by name for each case, of 64 rows or fewer.

    `kind` is a key of :data:`pgexport.kinds.KINDS`; `seed` is that of the cases.
    """

    name: str
    kind: str
    network: nn.Module
    cases: dict[str, Feeds]
    seed: int | None = None


def fresh_seed() -> int:
    """Draw a seed for the cases of a trial."""
    return secrets.randbits(32)


def latent_cases(latent_dim: int, seed: int) -> dict[str, Array]:
    """Draw latents for a trial, each float32 (64, L).

    ``random`` are standard normal; ``truncation 0`` is the mean alone; ``norm 5`` are short ones of length 5 and
    ``components 5`` far ones, each number 5 or -5.
    """
    rng = np.random.default_rng(seed)
    latent, direction = rng.standard_normal((2, max(BATCHES), latent_dim), np.float32)
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return {
        "random": latent,
        "truncation 0": np.zeros_like(latent),
        "norm 5": 5 * unit,
        FARTHEST: 5 * np.sign(direction),
    }
