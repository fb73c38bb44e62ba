"""Choosing the batch size by measurement."""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from pgen.images.model import PictureModel
from pgen.request import Request

FEW = 32
"""Pictures up to which measuring would take longer than it saves; they form one batch."""

MOST = 256
"""Largest batch: no measured machine gained beyond it, and memory use grows."""

SECONDS = 2.0
"""Approximate limit of the time to measure."""

WORTH = 0.95
"""A smaller batch is preferred if it reaches this share of the best rate: its pictures finish sooner."""


def fastest(run: Callable[[int], object], clock: Callable[[], float] = perf_counter) -> int:
    """Choose a batch size; `run(size)` generates that many pictures.

    Batches of 1, 2, 4 and so on are run twice each, and the second run counts; until SECONDS have passed, or two
    doublings in a row brought no gain.
    """
    rates: dict[int, float] = {}
    began = clock()
    size, spent = 1, 0.0
    while size <= MOST and clock() - began + 2 * spent <= SECONDS and not _is_past_best(rates):
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


def resolve_batch(batch: int | str, generator: PictureModel, first: Sequence[Request]) -> int:
    """Return `batch`; if it is "auto", the fastest for a job that starts with the requests `first`, FEW or all."""
    if isinstance(batch, int):
        return batch
    if len(first) < FEW:
        return FEW
    inputs = generator.inputs(first[:1])
    model = generator.find(first[0].model)

    def run(size: int) -> None:
        repeated = {name: np.repeat(row, size, axis=0) for name, row in inputs.items()}
        generator.generate(repeated, model, first[0].stage)

    return fastest(run)
