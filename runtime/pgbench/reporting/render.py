"""Tables for people: on the terminal, or as Markdown."""

from collections.abc import Iterable, Iterator

from pgbench.reporting.tables import Table

WIDTH = 1000
"""Columns where no terminal says how many it has: enough that nothing is cut."""


def show(found: Iterable[Table], said: Iterable[str]) -> None:
    """Print tables and notes."""
    from rich import box, table
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for laid in found:
        printed = table.Table(title=laid.title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in laid.columns:
            printed.add_column(name, overflow="fold")  # names go on in the next line, they are never cut
        for row in laid.rows:
            printed.add_row(*row)
        console.print(printed)
    for line in said:
        console.print(line, highlight=False, soft_wrap=True)


def markdown(found: Iterable[Table], said: Iterable[str]) -> str:
    """Write tables and notes as Markdown."""
    return "\n".join([*(line for laid in found for line in _markdown(laid)), *(f"- {line}" for line in said)])


def _markdown(laid: Table) -> Iterator[str]:
    yield from (f"**{laid.title}**", "")
    yield _row(laid.columns)
    yield _row(["---"] * len(laid.columns))
    yield from map(_row, laid.rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
