"""Timing: several targets in turn, round by round, so that a machine's drift hits all alike.

A turn calls a target again and again for a tenth of the seconds it is to be measured, at least once. Turns are run and
not counted until they get no faster; then a fixed number of rounds is counted. No outlier is dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

ROUNDS = 10
"""Rounds that are counted, by default."""

NO_FASTER, WITHIN = 2, 0.05
"""A target has warmed up when none of its last NO_FASTER turns was faster than all before by more than this share."""

MOST_WARM_UP = 10
"""Turns after which a target that has not settled is measured all the same, and marked."""

WARM_UP_TURN = 0.2
"""Most seconds of a turn that is not counted."""

FEW, SHORT = 30, 3.0
"""A row with fewer calls than FEW that took under SHORT seconds altogether is marked: it says little."""


@dataclass(frozen=True)
class Turn:
    """One turn: seconds of each call that counts, the number of all calls, and joules of these by meter."""

    times: list[float]
    calls: int = 0
    joules: dict[str, float] = field(default_factory=dict)


Target = Callable[[float], Turn]
"""Takes the seconds that a turn may last, and takes that turn."""

Energy = Callable[[], dict[str, float]]
"""Reads meters, joules by name."""


@dataclass(frozen=True)
class Measured:
    """What was counted of one target: turns, in order; how many were run before, and whether those agreed."""

    turns: list[Turn]
    warm_up: int
    settled: bool

    @property
    def drift(self) -> float:
        """How much slower the second half of the rounds was than the first; 0.1 is a tenth."""
        medians = self.medians()
        half = len(medians) // 2
        return float(np.median(medians[half:]) / np.median(medians[:half]) - 1)

    @property
    def stable(self) -> bool:
        """Did it settle before it was counted, and stay?"""
        return self.settled and abs(self.drift) <= WITHIN

    @property
    def few(self) -> bool:
        """Were there too few calls, in too little time, to say much?"""
        return sum(len(turn.times) for turn in self.turns) < FEW and sum(sum(turn.times) for turn in self.turns) < SHORT

    def medians(self) -> list[float]:
        """Take the median of each turn, in seconds."""
        return [float(np.median(turn.times)) for turn in self.turns]


def warm(medians: Sequence[float]) -> bool:
    """Check whether the last turns brought no gain in speed; slower ones show noise, or drift in what is counted."""
    before, last = medians[:-NO_FASTER], medians[-NO_FASTER:]
    return bool(before) and min(last) >= (1 - WITHIN) * min(before)


def measure(targets: Mapping[str, Target], seconds: float, rounds: int = ROUNDS) -> dict[str, Measured]:
    """Warm the targets up and count `rounds` rounds of them, `seconds` altogether for each or `rounds` calls."""
    length = seconds / rounds
    warmed = _warm_up(targets, min(length, WARM_UP_TURN))
    turns: dict[str, list[Turn]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            turns[name].append(target(length))
    return {name: Measured(turns[name], len(warmed[name]), warm(warmed[name])) for name in targets}


def _warm_up(targets: Mapping[str, Target], length: float) -> dict[str, list[float]]:
    medians: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(MOST_WARM_UP):
        for name, target in targets.items():
            if not warm(medians[name]):
                medians[name].append(float(np.median(target(length).times)))
    return medians
