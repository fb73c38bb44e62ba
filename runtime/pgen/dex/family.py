"""Evolution lines: stages whose totals and types change as in a real line, and whose shapes are mixed from two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from pgen.errors import RequestInvalid
from pgen.request import integer
from pgen.rng import Rng
from pgen.stats.rows import RowFilter

SIZES = (2, 3)
"""Stages of a line."""

LOWEST_TOTAL = 60
"""Least total of a last stage: earlier stages have less, but at least 1 in each stat."""


@dataclass(frozen=True)
class Stage:
    """One stage of a real line."""

    name: str
    total: int
    types: tuple[str, ...]
    shape: str


Line = tuple[Stage, ...]


def check_family(size: int) -> int:
    """Check a number of stages and return it.

    Raises:
        RequestInvalid: it is none of SIZES.
    """
    if integer("family", size) not in SIZES:
        raise RequestInvalid(f"family {size}: a line has {' or '.join(map(str, SIZES))} stages")
    return size


@cache
def real_lines(size: int) -> list[Line]:
    """Read the real lines of `size` stages that are installed with pgen."""
    text = files("pgen.dex").joinpath("lines.tsv").read_text("utf-8")
    lines = [tuple(map(_stage, line.split("\t"))) for line in text.splitlines() if not line.startswith("#")]
    return [line for line in lines if len(line) == size]


def _stage(text: str) -> Stage:
    name, total, types, shape = text.split(", ")
    return Stage(name, int(total), tuple(types.split("+")), shape)


def last_filter(real_line: Line, filter: RowFilter) -> RowFilter:
    """Complete the conditions of the last stage: without a total it is that of `real_line`, without a rarity ordinary.

    Raises:
        RequestInvalid: the total leaves no room for the stages before.
    """
    if filter.total is not None and filter.total < LOWEST_TOTAL:
        raise RequestInvalid(f"total {filter.total}: the last stage of a line has {LOWEST_TOTAL} or more")
    return replace(filter, total=filter.total or real_line[-1].total, rarity=filter.rarity or "ordinary")


def earlier_filters(real_line: Line, last: RowFilter, types: tuple[str, ...]) -> list[RowFilter]:
    """Return the conditions of the stages before the last one: totals and numbers of types change as in `real_line`.

    The last stage has the conditions `last`, with a total, and `types`.
    """
    share = (last.total or 0) / real_line[-1].total
    stages = real_line[:-1]
    return [replace(last, types=types[: len(stage.types)], total=round(share * stage.total)) for stage in stages]


def parent_lines(rng: Rng, size: int, types: Sequence[str]) -> tuple[Line, Line]:
    """Pick two real lines for the shapes: the first shares the first of `types`, the second any, if possible."""
    lines = real_lines(size)
    first = rng.pick([line for line in lines if types[0] in line[-1].types] or lines)
    others = [line for line in lines if line != first]
    return first, rng.pick([line for line in others if not {*types}.isdisjoint(line[-1].types)] or others)
