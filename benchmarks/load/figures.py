"""From what became of every request to figures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from load.clients import PICTURE

GOOD = "200"


class Asked(NamedTuple):
    """A request: kind, begin by the monotonic clock (seconds), milliseconds, and what became of it."""

    kind: str
    began: float
    ms: float
    outcome: str

    @property
    def ended(self) -> float:
        """When that was known."""
        return self.began + self.ms / 1e3


def requests(told: dict[str, Any]) -> list[Asked]:
    """Read what the clients wrote, in the order of their beginning."""
    return sorted((Asked(*entry) for entry in told["requests"]), key=lambda one: one.began)


def outcomes(asked: Iterable[Asked]) -> dict[str, int]:
    """Count what became of requests, the most frequent first."""
    return dict(Counter(one.outcome for one in asked).most_common())


def latency(asked: Iterable[Asked]) -> dict[str, float]:
    """Percentiles of those that were answered with what they asked for."""
    times = [one.ms for one in asked if one.outcome == GOOD]
    if not times:
        return {}
    p50, p90, p99 = np.percentile(times, (50, 90, 99))
    return {"p50_ms": _ms(p50), "p90_ms": _ms(p90), "p99_ms": _ms(p99), "max_ms": _ms(max(times))}


def _ms(value: float) -> float:
    return round(float(value), 1)


class Window(NamedTuple):
    """The time that counts: from `lead` seconds after the first request, for `seconds`."""

    lead: float
    seconds: float

    def begun(self, asked: Sequence[Asked]) -> list[Asked]:
        """Keep what began in it, of which percentiles are made: the slowest may end later."""
        return [one for one in asked if self._holds(asked, one.began)]

    def ended(self, asked: Sequence[Asked]) -> list[Asked]:
        """Keep what ended in it, of which a rate is made."""
        return [one for one in asked if self._holds(asked, one.ended)]

    def _holds(self, asked: Sequence[Asked], moment: float) -> bool:
        return 0 <= moment - asked[0].began - self.lead < self.seconds


def pictures(asked: Iterable[Asked]) -> int:
    """Count the pictures that came."""
    return sum(one.kind == PICTURE and one.outcome == GOOD for one in asked)


def memory(samples: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Relate resident memory at the end to that at the beginning.

    Args:
        samples: seconds and MiB. A minute is a quarter of the whole where that is less.
    """
    times, sizes = np.array(samples).T
    times = times - times[0]
    minute = min(60.0, times[-1] / 4)
    first, last = (float(np.median(sizes[which])) for which in (times <= minute, times >= times[-1] - minute))
    later = times >= minute
    slope = np.polyfit(times[later] / 60, sizes[later], 1)[0] if later.sum() > 1 else 0.0
    return {
        "window_s": round(minute, 1),
        "first_mib": round(first, 1),
        "last_mib": round(last, 1),
        "last_over_first": round(last / first, 4),
        "most_mib": round(float(sizes.max()), 1),
        "slope_after_the_first_mib_a_minute": round(float(slope), 3),
        "samples": len(sizes),
    }
