"""Timing: several targets in turn, round by round, so that a machine's drift hits all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WARM_UP = 3
"""Rounds that are run and not counted."""

ROUNDS = 5
"""Fewest rounds that are counted, however slow they are."""

Target = Callable[[], float]
"""Does its work once and returns the seconds that took."""


@dataclass(frozen=True)
class Timing:
    """Percentiles of one target in milliseconds a batch, and pictures (or texts) a second at the median."""

    rounds: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    per_second: float


def timed(work: Callable[[], object]) -> Target:
    """Make a target of a function in this process."""

    def target() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return target


def measure(targets: Mapping[str, Target], batch: int, seconds: float) -> dict[str, Timing]:
    """Time the targets in turn until each has had `seconds` and at least ROUNDS rounds, warm-up excluded.

    A target that has had its share drops out, so that a fast one does not make the slow ones run on.
    """
    taken: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(WARM_UP):
        for target in targets.values():
            target()
    waiting = dict(targets)
    while waiting:
        for name, target in waiting.items():
            taken[name].append(target())
        waiting = {name: target for name, target in waiting.items() if _wants_more(taken[name], seconds)}
    return {name: summarise(times, batch) for name, times in taken.items()}


def _wants_more(times: Sequence[float], seconds: float) -> bool:
    return len(times) < ROUNDS or sum(times) < seconds


def summarise(times: Sequence[float], batch: int) -> Timing:
    """Reduce seconds a batch to percentiles (linear interpolation) and a rate."""
    p50, p90, p99 = np.percentile(times, (50, 90, 99))
    return Timing(len(times), round(1e3 * p50, 3), round(1e3 * p90, 3), round(1e3 * p99, 3), round(batch / p50, 2))
