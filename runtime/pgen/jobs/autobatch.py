"""Choosing a batch by measuring."""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from pgen.api import Generator
from pgen.request import Request

AUTO = "auto"

FEW = 32
"""Pictures up to which measuring would take longer than it saves; they are one batch."""

MOST = 256
"""Pictures at once: beyond it no machine measured gains, and memory goes."""

SECONDS = 2.0
"""How long measuring may take, by and large."""

WORTH = 0.95
"""A smaller batch is preferred where it gives this part of the best rate: its pictures come sooner."""


def fastest(run: Callable[[int], object], most: int = MOST, clock: Callable[[], float] = perf_counter) -> int:
    """Choose a batch: `run` draws as many pictures as it is told to.

    Batches of 1, 2, 4 and so on are drawn twice each, and the second time counts; until SECONDS are spent, or
    two doublings in a row have brought nothing.
    """
    rates: dict[int, float] = {}
    began = clock()
    size, spent = 1, 0.0
    while size <= most and clock() - began + 2 * spent <= SECONDS and not _is_past_best(rates):
        first = clock()
        run(size)
        second = clock()
        run(size)
        rates[size] = size / max(clock() - second, 1e-9)
        spent = clock() - first
        size *= 2
    best = max(rates.values())
    return next(size for size, rate in rates.items() if rate >= WORTH * best)


def _is_past_best(rates: dict[int, float]) -> bool:
    *before, last, current = [0.0, 0.0, *rates.values()]
    return len(rates) > 2 and max(last, current) * WORTH < max(before)


def resolve(batch: int | str, generator: Generator, first: Sequence[Request]) -> int:
    """Resolve a batch that may be AUTO for a job that begins with the requests `first`, FEW of them or all."""
    if isinstance(batch, int):
        return batch
    return choose_batch(generator, first[0]) if len(first) >= FEW else FEW


def choose_batch(generator: Generator, like: Request) -> int:
    """Measure which batch draws pictures of the model and stage of `like` fastest."""
    latent, text = generator.inputs([like])
    model = generator.find(like.model)

    def run(size: int) -> None:
        texts = None if text is None else np.repeat(text, size, axis=0)
        generator.generate(np.repeat(latent, size, axis=0), texts, model, like.stage)

    return fastest(run)
