"""The progress of a training on stderr: a bar on a terminal, one line per epoch in a log."""

import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

RATE = "pictures_per_second"


class Display:
    """Shows the progress of a training, if `shown`; `done` epochs, with a fraction, were done before it was resumed.

    Errors of the terminal or pipe are ignored: a closed pipe does not end a training.
    """

    def __init__(self, epochs: int, done: float, shown: bool = True) -> None:
        self.epochs, self.shown = epochs, shown
        self.first, self.began = done, time.monotonic()
        self.bar: Progress | None = None
        if shown and sys.stderr is not None and sys.stderr.isatty():
            # In a narrow terminal only the last column is cut.
            description = TextColumn(
                "{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
            )
            columns = (MofNCompleteColumn(), BarColumn(12), TimeRemainingColumn(), description)
            console = Console(stderr=True)
            self.bar = Progress(*columns, console=console, expand=True, redirect_stdout=sys.stdout.isatty())
            self.task = self.bar.add_task("", total=epochs, completed=int(done))

    def __enter__(self) -> Self:
        if self.bar:
            with suppress(OSError):
                self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            with suppress(OSError):
                self.bar.stop()

    def update(self, **fields: Any) -> None:
        """Update fields of the bar: `description`, or `completed` epochs with a fraction."""
        if self.bar:
            with suppress(OSError):
                self.bar.update(self.task, **fields)

    def epoch(self, number: int, phase: str, metrics: dict[str, float]) -> None:
        """Show the mean losses and speed of epoch `number`, counted from 1."""
        losses = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items() if name != RATE)
        speed = f"{metrics[RATE]:.4g} images/s"
        if self.bar:
            self.update(completed=number, description=f"{phase}, {losses}, {speed}")
            return
        seconds = (time.monotonic() - self.began) / (number - self.first)
        left = timedelta(seconds=round(seconds * (self.epochs - number)))
        self.say(f"epoch {number}/{self.epochs}, {phase}: {losses}, {speed}, {left} left")

    def say(self, message: str) -> None:
        """Print a line above the bar, or to the log."""
        if not self.shown:
            return
        with suppress(OSError):
            if self.bar:
                self.bar.console.print(message, markup=False, highlight=False, soft_wrap=True)
            elif sys.stderr is not None:
                print(message, file=sys.stderr, flush=True)

    def say_in_handler(self, message: str) -> None:
        """Print a line from a signal handler, unbuffered: the signal may have interrupted the buffered stream."""
        if self.shown:
            with suppress(OSError):
                os.write(2, f"{message}\n".encode())
