"""Seeds of requests that name none."""

import secrets

from pgen.request import choose_seeds

RANDOM_SEEDS = 2**32
"""Random seeds are below this: short enough to write down, and exact in JavaScript."""


def seeds_of(seed: int | None, n: int) -> list[int]:
    """List `n` consecutive seeds from `seed`, or from a random one.

    Raises:
        RequestInvalid: they exceed the largest seed.
    """
    return list(choose_seeds(n, secrets.randbelow(RANDOM_SEEDS) if seed is None else seed))
