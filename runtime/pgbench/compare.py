"""Two results, or many, set side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgbench import figures
from pgbench.files import ResultInvalid, read
from pgbench.tables import Table, interval

Result = dict[str, Any]
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Change:
    """How many times as long something takes in the second result as in the first, and a 95 % interval.

    `worse` says that even the interval's lower end lies beyond the threshold.
    """

    batch: int
    part: str
    backend: str
    ratio: float
    interval: tuple[float, float]
    worse: bool


def compare(first: Result, second: Result, threshold: float, relative: bool = False) -> list[Change]:
    """Compare what both results measured.

    Args:
        first: the older result.
        second: the newer.
        threshold: times as slow that is too slow, such as 1.1.
        relative: compare not times but how they relate to those of the other backends of the same run. That holds
            between machines too, where times do not.

    Raises:
        ResultInvalid: they have nothing in common.
    """
    older, newer = (_relative(result) if relative else _times(result) for result in (first, second))
    shared = [key for key in older if key in newer]
    if not shared:
        raise ResultInvalid("the two results have no batch, part and backend in common; measure the same again")
    return [_change(key, older[key], newer[key], threshold) for key in shared]


def _change(key: Key, older: Sequence[float], newer: Sequence[float], threshold: float) -> Change:
    found = figures.unpaired_ratio(newer, older)
    low, high = found["interval"]
    return Change(*key, found["ratio"], (low, high), worse=low > threshold)


def _times(result: Result) -> dict[Key, list[float]]:
    return {
        (entry["batch"], entry["part"], entry["backend"]): entry["turn_medians_ms"] for entry in result["measurements"]
    }


def _relative(result: Result) -> dict[Key, list[float]]:
    times, subject = _times(result), result["backend"]
    return {
        (batch, part, f"{subject} over {backend}"): [
            own / other for own, other in zip(times[batch, part, subject], taken, strict=True)
        ]
        for (batch, part, backend), taken in times.items()
        if backend != subject
    }


def differences(first: Result, second: Result) -> Iterator[str]:
    """Say what else differs between two results, which times may come from."""
    for name in ("cpu", "cores", "gpu"):
        one, other = (result["environment"][name] for result in (first, second))
        if one != other:
            yield f"{name}: {one} and {other}: times of different machines say little; --relative compares ratios"
    for name in ("model", "bundle", "threads"):
        if first[name] != second[name]:
            yield f"{name}: {str(first[name])[:12]} and {str(second[name])[:12]}"


def table(changes: Sequence[Change], threshold: float) -> Table:
    """Lay changes out."""
    rows = [
        [
            str(change.batch),
            change.part,
            change.backend,
            interval({"ratio": change.ratio, "interval": change.interval}),
            "SLOWER" if change.worse else "",
        ]
        for change in changes
    ]
    return Table(
        f"times as slow as before (beyond {threshold:g} is slower)", ["batch", "", "", "ratio (95 %)", ""], rows
    )


def history(folder: Path) -> Table:
    """Lay out the medians of all results in `folder`, oldest first.

    Raises:
        ResultInvalid: there is none.
    """
    results = sorted(_results(folder), key=lambda found: str(found[1]["time"]))
    if not results:
        raise ResultInvalid(f"{folder}: holds no result of pgbench; make one with pgbench --out {folder / 'one.json'}")
    keys = dict.fromkeys(key for _, result in results for key in _named(result))
    columns = [f"{result['time'][:10]} {(result['environment']['revision'] or '')[:7]}" for _, result in results]
    rows = [[*key, *(_named(result).get(key, "-") for _, result in results)] for key in keys]
    return Table(f"p50 in ms, {folder}", ["cpu", "model", "backend", "batch", "", *columns], rows)


def _results(folder: Path) -> Iterator[tuple[Path, Result]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield path, read(path)
        except ResultInvalid:
            continue  # folders of results hold those of other programs too


def _named(result: Result) -> dict[tuple[str, ...], str]:
    about = (result["environment"]["cpu"], result["model"])
    return {
        (*about, entry["backend"], str(entry["batch"]), entry["part"]): f"{entry['p50_ms']:g}"
        for entry in result["measurements"]
    }
