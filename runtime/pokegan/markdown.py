"""Markdown tables, for every program that prints one."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Write a Markdown table, without a newline at its end.

    >>> print(table(["name", "size"], [["a|b", "1"]]))
    | name | size |
    | --- | --- |
    | a\|b | 1 |
    """
    return "\n".join(map(_row, (columns, ["---"] * len(columns), *rows)))


def _row(cells: Iterable[str]) -> str:
    escaped = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {escaped} |"
