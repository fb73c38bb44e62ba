"""Statistics of turns: percentiles, and 95 % intervals by the bootstrap (Efron, 1979).

Calls of one turn are more alike than calls of two turns, so whole turns are resampled, not calls.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgbench.measuring.timing import Measured

RESAMPLES = 1000
PERCENTILES = (50, 90, 99)


def summary(measured: Measured, batch: int) -> dict[str, Any]:
    """Summarize turns as the fields of a row in the JSON (see docs/pgbench.md)."""
    times = [np.asarray(turn.times) for turn in measured.turns]
    pooled = np.concatenate(times)
    resampled = [np.concatenate([times[turn] for turn in row]) for row in _draws(len(times))]
    low, high = np.percentile([np.percentile(calls, PERCENTILES) for calls in resampled], (2.5, 97.5), axis=0)
    p50, p90, p99 = np.percentile(pooled, PERCENTILES)
    slowest, fastest = np.percentile([batch / calls.mean() for calls in resampled], (2.5, 97.5))
    return {
        "calls": len(pooled),
        "p50_ms": _ms(p50),
        "p50_interval_ms": [_ms(low[0]), _ms(high[0])],
        "p90_ms": _ms(p90),
        "p90_interval_ms": [_ms(low[1]), _ms(high[1])],
        "p99_ms": _ms(p99),
        "max_ms": _ms(pooled.max()),
        "per_second": _significant(batch / pooled.mean()),
        "per_second_interval": [_significant(slowest), _significant(fastest)],
        "millijoules_each": _energy(measured, batch),
        "warm_up_turns": measured.warm_up,
        "settled": measured.settled,
        "drift": round(measured.drift, 3),
        "stable": measured.stable,
        "few": measured.few,
        "turn_medians_ms": [_ms(value) for value in measured.medians()],
    }


def ratio(over: Sequence[float], under: Sequence[float]) -> dict[str, Any]:
    """Divide the turns of two targets round by round: how many times as fast `under` is as `over`."""
    ratios = np.asarray(over) / np.asarray(under)
    low, high = np.percentile(np.median(ratios[_draws(len(ratios))], axis=1), (2.5, 97.5))
    return {"ratio": _significant(np.median(ratios)), "interval": [_significant(low), _significant(high)]}


def unpaired_ratio(over: Sequence[float], under: Sequence[float]) -> dict[str, Any]:
    """Divide the medians of turns from separate runs, such as those of two files."""
    top, bottom = np.asarray(over), np.asarray(under)
    drawn = np.median(top[_draws(len(top))], axis=1) / np.median(bottom[_draws(len(bottom), seed=1)], axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    value = np.median(top) / np.median(bottom)
    return {"ratio": _significant(value), "interval": [_significant(low), _significant(high)]}


def _draws(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


def _energy(measured: Measured, batch: int) -> dict[str, float]:
    calls = sum(turn.calls for turn in measured.turns)
    meters = measured.turns[0].joules
    return {
        name: _significant(1e3 * sum(turn.joules[name] for turn in measured.turns) / calls / batch) for name in meters
    }


def _ms(seconds: float) -> float:
    return _significant(1e3 * seconds)


def _significant(value: float) -> float:
    return float(f"{float(value):.4g}")
