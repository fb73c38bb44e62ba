"""Tables for people: on the terminal, or as Markdown."""

from collections.abc import Iterable, Iterator

from pgbench.reporting.tables import Table

WIDTH = 1000
"""Columns where no terminal says how many it has: enough that nothing is cut."""


def show(tables: Iterable[Table], notes: Iterable[str]) -> None:
    """Print tables and notes."""
    from rich import box, table
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for content in tables:
        printed = table.Table(title=content.title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in content.columns:
            printed.add_column(name, overflow="fold")  # names go on in the next line, they are never cut
        for row in content.rows:
            printed.add_row(*row)
        console.print(printed)
    for line in notes:
        console.print(line, highlight=False, soft_wrap=True)


def markdown(tables: Iterable[Table], notes: Iterable[str]) -> str:
    """Write tables and notes as Markdown."""
    return "\n".join([*(line for content in tables for line in _markdown(content)), *(f"- {line}" for line in notes)])


def _markdown(content: Table) -> Iterator[str]:
    yield from (f"**{content.title}**", "")
    yield _row(content.columns)
    yield _row(["---"] * len(content.columns))
    yield from map(_row, content.rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
