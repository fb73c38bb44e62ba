"""Tables for people: on the terminal, or as Markdown."""

from collections.abc import Iterable

from pgbench.reporting.tables import Table
from pokegan.markdown import table

WIDTH = 1000
"""Columns where no terminal says how many it has: enough that nothing is cut."""


def show(found: Iterable[Table], said: Iterable[str]) -> None:
    """Print tables and notes."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for laid in found:
        printed = RichTable(title=laid.title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in laid.columns:
            printed.add_column(name, overflow="fold")  # names go on in the next line, they are never cut
        for row in laid.rows:
            printed.add_row(*row)
        console.print(printed)
    for line in said:
        console.print(line, highlight=False, soft_wrap=True)


def markdown(found: Iterable[Table], said: Iterable[str]) -> str:
    """Write tables and notes as Markdown."""
    titled = (f"**{laid.title}**\n\n{table(laid.columns, laid.rows)}\n" for laid in found)
    return "\n".join([*titled, *(f"- {line}" for line in said)])
