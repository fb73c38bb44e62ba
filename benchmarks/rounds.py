"""Contenders that take turns, so that the machine's drift affects all alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_turn(contenders: Mapping[str, Callable[[], T]], rounds: int, warm_up: int) -> dict[str, list[T]]:
    """Call every contender once a round; gives their results by round, without the first `warm_up` rounds."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(warm_up + rounds):
        for name, contender in contenders.items():
            results[name].append(contender())
    return {name: values[warm_up:] for name, values in results.items()}


def clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Do some work; gives seconds of the clock, and of this process's processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Divide two contenders' values, round by round."""
    return [first / second for first, second in zip(over, under, strict=True)]


def spread(values: Sequence[float], digits: int) -> dict[str, float]:
    """Round median, lowest and highest value."""
    figures = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {name: round(value, digits) for name, value in figures.items()}
