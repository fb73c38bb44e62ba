"""Turns, warm-up and figures, on clocks that the tests keep."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from pgbench.measuring import statistics
from pgbench.measuring.timing import MOST_WARM_UP, Measured, Target, Turn, measure, warm
from pgbench.processes.worker import MOST_CALLS, texts, turn


class Clock:
    """Moves on by `step` with every piece of work."""

    def __init__(self, step: float) -> None:
        self.now, self.step, self.calls = 0.0, step, 0

    def __call__(self) -> float:
        return self.now

    def work(self) -> None:
        self.now += self.step
        self.calls += 1


def test_turn_fills_its_share_of_seconds() -> None:
    clock = Clock(0.25)
    assert turn(clock.work, 1.0, expected=0.25, clock=clock) == ([0.25] * 4, 4)


def test_a_slow_call_is_a_turn_by_itself() -> None:
    clock = Clock(5.0)
    assert turn(clock.work, 1.0, expected=5.0, clock=clock) == ([5.0], 1)


def test_quick_work_is_run_once_more_for_the_caches_and_ends_early() -> None:
    clock = Clock(1e-6)
    durations, calls = turn(clock.work, 1.0, expected=1e-6, clock=clock)
    assert (len(durations), calls, clock.calls) == (MOST_CALLS, MOST_CALLS + 1, MOST_CALLS + 1)


def scripted(times: Iterator[float], order: list[str], name: str) -> Target:
    def target(seconds: float) -> Turn:
        order.append(name)
        return Turn([next(times)], 1)

    return target


def forever(*values: float) -> Iterator[float]:
    yield from values
    while True:
        yield values[-1]


def test_targets_take_turns_and_warm_up_is_not_counted() -> None:
    order: list[str] = []
    targets = {"a": scripted(forever(9, 5, 1), order, "a"), "b": scripted(forever(2), order, "b")}
    measured = measure(targets, 1.0, rounds=4)
    assert order[-8:] == ["a", "b"] * 4
    assert order[:-8].count("a") == 5, "9 and 5, and until two turns are no faster than 1"
    assert order[:-8].count("b") == 3
    assert [t.times for t in measured["a"].turns] == [[1.0]] * 4
    assert (measured["a"].warm_up, measured["a"].settled, measured["a"].stable) == (5, True, True)


def test_unsettled_target_is_measured_and_marked() -> None:
    ever_faster = (0.9**number for number in range(10**3))
    measured = measure({"a": scripted(ever_faster, [], "a")}, 1.0, rounds=4)["a"]
    assert (measured.warm_up, measured.settled, measured.stable) == (MOST_WARM_UP, False, False)
    assert len(measured.turns) == 4


def test_drift_is_marked_too() -> None:
    measured = Measured([Turn([1.0])] * 5 + [Turn([1.2])] * 5, warm_up=3, settled=True)
    assert measured.drift == pytest.approx(0.2)
    assert not measured.stable


@pytest.mark.parametrize(
    ("turns", "seconds", "few"),
    [(3, 0.01, True), (29, 0.1, True), (30, 0.01, False), (29, 0.2, False), (3, 1.0, False)],
)
def test_few_calls_are_marked_unless_they_are_long(turns: int, seconds: float, few: bool) -> None:
    measured = Measured([Turn([seconds])] * turns, warm_up=3, settled=True)
    assert (measured.few, statistics.summary(measured, 1)["few"]) == (few, few)


def test_target_is_warm_after_two_turns_without_a_gain() -> None:
    assert warm([9, 1.0, 1.2, 0.96])
    assert not warm([9, 1.0, 1.2])
    assert not warm([1.0, 1.0, 0.94])
    assert not warm([1.0, 1.0])


def test_summary_keeps_outliers_and_has_an_interval() -> None:
    draw = np.random.default_rng(0)
    turns = [Turn([*(0.01 + 0.001 * draw.standard_normal(50))], 50, {"cpu": 1.0}) for _ in range(20)]
    turns[3].times[7] = 2.0
    summary = statistics.summary(Measured(turns, 3, True), batch=8)
    low, high = summary["p50_interval_ms"]
    assert low <= summary["p50_ms"] <= high
    assert (low, high) == pytest.approx((10, 10), rel=0.02)
    assert summary["max_ms"] == 2000
    assert summary["calls"] == 1000
    seconds = sum(sum(turn.times) for turn in turns)
    assert summary["per_second"] == pytest.approx(8 * 1000 / seconds, rel=1e-3), "slow calls count: not 800, as by p50"
    low, high = summary["per_second_interval"]
    assert low < summary["per_second"] < high
    assert high - low > 100, "and so does the doubt that one of them leaves"
    assert summary["millijoules_each"]["cpu"] == pytest.approx(1e3 * 20 / 1000 / 8)
    json.dumps(summary)


def test_a_ratio_of_turns_taken_together_is_sure_where_the_machine_was_not() -> None:
    noise = np.random.default_rng(0).uniform(1, 5, 30)
    paired = statistics.ratio([*(2 * noise)], [*noise])
    assert paired == {"ratio": 2.0, "interval": [2.0, 2.0]}
    low, high = statistics.unpaired_ratio([*(2 * noise)], [*noise])["interval"]
    assert low < 2.0 < high


def test_texts_differ() -> None:
    assert len(set(texts(200))) == 200
