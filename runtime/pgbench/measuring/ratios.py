"""Ratios of what backends took, where they mean something."""

from collections.abc import Iterator, Sequence
from typing import Any

from pgbench.measuring.statistics import ratio
from pgbench.measuring.timing import WITHIN

WIDEST = 1.25
"""Widest interval, upper end over lower end, for which a ratio is reported."""

Rows = dict[tuple[int, str, str], dict[str, Any]]
"""Measurements by batch, part and backend."""


def ratios(measured: Sequence[dict[str, Any]], subject: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Divide what each other backend took by what the subject took, round by round.

    Returns:
        The ratios, and those that are withheld, with the reason: a row never settled or contradicts the one that
        contains it, or the ratio differs too much between rounds.
    """
    rows: Rows = {(entry["batch"], entry["part"], entry["backend"]): entry for entry in measured}
    reported, withheld = [], []
    for (batch, part, name), row in rows.items():
        if name == subject:
            continue
        own = rows[batch, part, subject]
        each = {"batch": batch, "part": part, "of": subject, "over": name}
        divided = ratio(row["turn_medians_ms"], own["turn_medians_ms"])
        low, high = divided["interval"]
        why = [*_doubts(rows, own), *_doubts(rows, row)]
        if high > WIDEST * low:
            why.append(f"95 % interval too wide ({low:g} to {high:g})")
        if why:
            withheld.append(each | {"why": "; ".join(why)})
        else:
            reported.append(each | divided)
    return reported, withheld


def _doubts(rows: Rows, row: dict[str, Any]) -> Iterator[str]:
    """Say why a row is not to be divided by."""
    if not row["settled"]:
        yield f"{row['backend']} did not settle"
    whole = rows.get((row["batch"], "end to end", row["backend"]))
    if whole and row["p50_ms"] > (1 + WITHIN) * whole["p50_ms"]:
        yield f"{row['backend']} took longer than from end to end, of which it is a part"
