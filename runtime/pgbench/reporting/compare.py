"""Two results, or many, set side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgbench.measuring import statistics
from pgbench.reporting.files import ResultInvalid, read
from pgbench.reporting.tables import Table, interval

Result = dict[str, Any]
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Change:
    """The ratio of a row's time in the second result to that in the first, with a 95 % interval.

    `worse` means that the whole interval lies beyond the threshold, `unstable` that one of the two rows is unstable.
    """

    batch: int
    part: str
    backend: str
    ratio: float
    interval: tuple[float, float]
    worse: bool
    unstable: bool


@dataclass(frozen=True)
class Row:
    """Turns of one row, or their ratios to those of another row, and whether they were stable."""

    turns: Sequence[float]
    stable: bool


def compare(first: Result, second: Result, threshold: float, relative: bool = False) -> list[Change]:
    """Compare the rows that both results have.

    Args:
        first: the older result.
        second: the newer.
        threshold: ratio above which a row counts as slower, such as 1.1.
        relative: compare the ratios to the other backends of the same run instead of times; unlike times, they are
            comparable between machines.

    Raises:
        ResultInvalid: they have nothing in common.
    """
    older, newer = _rows(first, relative), _rows(second, relative)
    if relative and not (older and newer):
        alone = (second if older else first)["backend"]
        raise ResultInvalid(f"one of the results has only {alone}, so there are no ratios; measure others beside it")
    shared = [key for key in older if key in newer]
    if not shared:
        raise ResultInvalid("the two results have no batch, part and backend in common; measure the same again")
    return [_change(key, older[key], newer[key], threshold) for key in shared]


def _change(key: Key, older: Row, newer: Row, threshold: float) -> Change:
    ratio = statistics.unpaired_ratio(newer.turns, older.turns)
    low, high = ratio["interval"]
    stable = older.stable and newer.stable
    return Change(*key, ratio["ratio"], (low, high), worse=low > threshold, unstable=not stable)


def _rows(result: Result, relative: bool) -> dict[Key, Row]:
    rows = {
        (entry["batch"], entry["part"], entry["backend"]): Row(entry["turn_medians_ms"], entry["stable"])
        for entry in result["measurements"]
    }
    return _relative(rows, result["backend"]) if relative else rows


def _relative(rows: dict[Key, Row], subject: str) -> dict[Key, Row]:
    ratios = {}
    for (batch, part, backend), other in rows.items():
        own = rows.get((batch, part, subject))
        if own and backend != subject:
            turns = [seconds / others for seconds, others in zip(own.turns, other.turns, strict=True)]
            ratios[batch, part, f"{subject} over {backend}"] = Row(turns, own.stable and other.stable)
    return ratios


def losses(first: Result, second: Result, relative: bool = False) -> Iterator[str]:
    """List what the second result lost: rows of the first, and parity with the reference."""
    newer = _rows(second, relative)
    for batch, part, backend in _rows(first, relative):
        if (batch, part, backend) not in newer:
            yield f"MISSING: batch {batch}, {part}, {backend} was measured before and is not now"
    for name, facts in second["backends"].items():
        before = first["backends"].get(name, {}).get("parity", {})
        for part in ("generator", "end to end"):
            if not facts["parity"][part]["same"] and before.get(part, {"same": True})["same"]:
                yield f"NOT THE SAME: {name}, {part}: pictures differ from those of {facts['parity']['reference']}"


def differences(first: Result, second: Result) -> Iterator[str]:
    """List the differences of machine and settings, which may explain those of the times."""
    for name in ("cpu", "cores", "gpu"):
        older, newer = (result["environment"][name] for result in (first, second))
        if older != newer:
            yield f"{name}: {older} and {newer}: times of different machines cannot be compared, only ratios"
    for name in ("model", "bundle", "threads"):
        if first[name] != second[name]:
            yield f"{name}: {str(first[name])[:12]} and {str(second[name])[:12]}"


def table(changes: Sequence[Change], threshold: float) -> Table:
    """Arrange changes in a table."""
    rows = [
        [
            str(change.batch),
            change.part,
            change.backend,
            interval({"ratio": change.ratio, "interval": change.interval}),
            ", ".join(["SLOWER"] * change.worse + ["unstable"] * change.unstable),
        ]
        for change in changes
    ]
    return Table(
        f"times as slow as before (beyond {threshold:g} is slower)", ["batch", "", "", "ratio (95 %)", ""], rows
    )


def history(folder: Path) -> Table:
    """Arrange the medians of all results in `folder` in a table, oldest first.

    Raises:
        ResultInvalid: there is none.
    """
    results = sorted(_results(folder), key=lambda pair: str(pair[1]["time"]))
    if not results:
        raise ResultInvalid(f"{folder}: holds no result; measure one into this folder")
    keys = dict.fromkeys(key for _, result in results for key in _named(result))
    columns = [f"{result['time'][:10]} {(result['environment']['revision'] or '')[:7]}" for _, result in results]
    rows = [[*key, *(_named(result).get(key, "-") for _, result in results)] for key in keys]
    return Table(f"p50 in ms, {folder}", ["cpu", "model", "backend", "batch", "", *columns], rows)


def _results(folder: Path) -> Iterator[tuple[Path, Result]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield path, read(path)
        except ResultInvalid:
            continue  # a result of another program


def _named(result: Result) -> dict[tuple[str, ...], str]:
    about = (result["environment"]["cpu"], result["model"])
    return {
        (*about, entry["backend"], str(entry["batch"]), entry["part"]): f"{entry['p50_ms']:g}"
        for entry in result["measurements"]
    }
