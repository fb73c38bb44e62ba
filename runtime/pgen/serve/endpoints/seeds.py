"""Seeds of requests that name none."""

import secrets

from pgen.request import choose_seeds

SPAN = 2**32
"""Short enough to be written down, and exact in JavaScript."""


def seeds_of(seed: int | None, n: int) -> list[int]:
    """List `n` seeds that count up from `seed`, or from a random one.

    Raises:
        RequestInvalid: they go beyond the last seed.
    """
    return list(choose_seeds(n, secrets.randbelow(SPAN) if seed is None else seed))
