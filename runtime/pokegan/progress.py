"""A progress bar on stderr, for people alone: on a pipe there is none, and rich is not even imported."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WORTH = 8
"""Steps from which a bar is worth its while."""


@contextmanager
def progress(total: int | None, shown: bool = True, unit: str = "pictures") -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs, if `shown`, stderr is a terminal, and there is enough to do.

    Yields:
        A function to call after each step, or after several with their number.
    """
    if not shown or sys.stderr is None or not sys.stderr.isatty() or (total is not None and total < WORTH):
        yield lambda steps=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    # What is printed meanwhile goes above the bar; but only if it goes to the terminal, not into a pipe.
    with Progress(
        *columns, console=Console(stderr=True), redirect_stdout=sys.stdout is not None and sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda steps=1: bar.advance(task, steps)
