"""A progress bar on stderr, if that is a terminal; otherwise rich is not imported."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MIN_STEPS = 8
"""Steps from which a bar is shown."""


@contextmanager
def progress(total: int | None, shown: bool = True, unit: str = "pictures") -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs, if `shown`, stderr is a terminal, and there are at least MIN_STEPS.

    Yields:
        A function to call after each step, or after several with their number.
    """
    if not shown or sys.stderr is None or not sys.stderr.isatty() or (total is not None and total < MIN_STEPS):
        yield lambda steps=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    # Output on a terminal goes above the bar; into a pipe, it is left alone.
    with Progress(
        *columns, console=Console(stderr=True), redirect_stdout=sys.stdout is not None and sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda steps=1: bar.advance(task, steps)
