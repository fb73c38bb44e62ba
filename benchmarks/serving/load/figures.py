"""Statistics of the outcomes of requests."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from load.clients import PICTURE

GOOD = "200"


class RequestRecord(NamedTuple):
    """One request: kind, start by the monotonic clock (seconds), latency (milliseconds) and outcome."""

    kind: str
    started: float
    ms: float
    outcome: str

    @property
    def ended(self) -> float:
        """When the outcome was known, by the monotonic clock."""
        return self.started + self.ms / 1e3


def requests(report: dict[str, Any]) -> list[RequestRecord]:
    """Parse the report of the clients, ordered by start."""
    return sorted((RequestRecord(*entry) for entry in report["requests"]), key=lambda record: record.started)


def outcomes(records: Iterable[RequestRecord]) -> dict[str, int]:
    """Count the outcomes, the most frequent first."""
    return dict(Counter(record.outcome for record in records).most_common())


def latency(records: Iterable[RequestRecord]) -> dict[str, float]:
    """Compute latency percentiles of the successful requests."""
    times = [record.ms for record in records if record.outcome == GOOD]
    if not times:
        return {}
    p50, p90, p99 = np.percentile(times, (50, 90, 99))
    return {"p50_ms": _ms(p50), "p90_ms": _ms(p90), "p99_ms": _ms(p99), "max_ms": _ms(max(times))}


def _ms(value: float) -> float:
    return round(float(value), 1)


class Window(NamedTuple):
    """The measured interval: `seconds`, from `lead` seconds after the first request."""

    lead: float
    seconds: float

    def begun(self, records: Sequence[RequestRecord]) -> list[RequestRecord]:
        """Select requests that started in it, for percentiles: the slowest may end later."""
        return [record for record in records if self._contains(records, record.started)]

    def ended(self, records: Sequence[RequestRecord]) -> list[RequestRecord]:
        """Select requests that ended in it, for rates."""
        return [record for record in records if self._contains(records, record.ended)]

    def _contains(self, records: Sequence[RequestRecord], moment: float) -> bool:
        return 0 <= moment - records[0].started - self.lead < self.seconds


def pictures(records: Iterable[RequestRecord]) -> int:
    """Count the generated images."""
    return sum(record.kind == PICTURE and record.outcome == GOOD for record in records)


def memory(samples: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Compare resident memory at the end with that at the beginning.

    Args:
        samples: pairs of seconds and MiB. The first and last minute are compared, or the first and last quarter of
            less than four minutes.
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
