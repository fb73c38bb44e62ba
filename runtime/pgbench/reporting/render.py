"""Tables for people: on the terminal, or as Markdown."""

from collections.abc import Iterable

from pgbench.reporting.tables import Table
from pokegan.markdown import table

WIDTH = 1000
"""Columns if the output is not a terminal: enough for all tables."""


def show(tables: Iterable[Table], notes: Iterable[str]) -> None:
    """Print tables and notes."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for content in tables:
        printed = RichTable(title=content.title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in content.columns:
            printed.add_column(name, overflow="fold")  # long names are wrapped, not cut
        for row in content.rows:
            printed.add_row(*row)
        console.print(printed)
    for line in notes:
        console.print(line, highlight=False, soft_wrap=True)


def markdown(tables: Iterable[Table], notes: Iterable[str]) -> str:
    """Write tables and notes as Markdown."""
    titled = (f"**{content.title}**\n\n{table(content.columns, content.rows)}\n" for content in tables)
    return "\n".join([*titled, *(f"- {line}" for line in notes)])
