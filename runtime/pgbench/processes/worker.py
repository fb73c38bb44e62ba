"""Inside a backend's process: answers questions, a line of JSON each, about one subject.

Every backend has a process of its own: memory is its own, threads that spin do not starve another's, and this project's
side never imports PyTorch. The other end is :mod:`pgbench.processes.client`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

Work = Callable[[], object]
Array = NDArray[Any]

COLORS = ("red", "blue", "green", "yellow", "brown", "purple", "pink", "gray")
CREATURES = ("dragon", "turtle", "mouse", "bird", "fish", "plant", "ghost", "horse")

SETTLING = 0.25
"""Share of a turn below which one call is run first and not counted: what ran in between left cold caches."""

MOST_CALLS = 1000
"""Calls after which a turn ends early: of work that takes microseconds more would say no more."""


class Subject(Protocol):
    """What is measured, and how."""

    def facts(self) -> dict[str, Any]:
        """Name what it runs on."""
        ...

    def parts(self, batch: int) -> dict[str, Work]:
        """Name the parts that can be run; a call ends when its work is done, on a GPU too."""
        ...

    def draw(self, inputs: dict[str, Array]) -> Array:
        """Run the model on inputs by name; its first output."""
        ...

    def inputs(self, batch: int) -> dict[str, Array]:
        """Make the model's inputs of `batch` texts and seeds, its own encoder's embeddings among them."""
        ...

    def rates(self, seconds: float) -> dict[str, float]:
        """Measure matrix products, operations a second by arithmetic type, and "copy" in bytes a second."""
        ...


def texts(count: int) -> list[str]:
    """Compose `count` different texts that no bundle stores, all of one length in tokens."""
    pairs = [f"a {color} {creature}" for creature in CREATURES for color in COLORS]
    return [f"{pairs[number % 64]} {number // 64}" for number in range(count)]


def turn(
    work: Work, seconds: float, expected: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[float], int]:
    """Run `work` for `seconds`, at least once; the seconds of each call that counts, and the number of all calls.

    `expected` is what a call takes; where it is short, the first call does not count.
    """
    uncounted = int(expected < SETTLING * seconds)
    if uncounted:
        work()
    times: list[float] = []
    total = 0.0
    while not times or (total < seconds and len(times) < MOST_CALLS):
        began = clock()
        work()
        times.append(clock() - began)
        total += times[-1]
    return times, len(times) + uncounted


class Worker:
    """Answers questions about a subject; the methods are the questions."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._batch, self._parts = 0, {}  # type: tuple[int, dict[str, Work]]
        self._expected: dict[tuple[str, int], float] = {}

    def parts(self, batch: int) -> list[str]:
        """Prepare a batch and name the parts that can be run on it."""
        if batch != self._batch:
            _forget_peak()
            self._batch, self._parts = batch, self.subject.parts(batch)
        return list(self._parts)

    def turn(self, part: str, batch: int, seconds: float) -> tuple[list[float], int]:
        """Run one part for `seconds`, see :func:`turn`."""
        self.parts(batch)
        times, calls = turn(self._parts[part], seconds, self._expected.get((part, batch), seconds))
        self._expected[part, batch] = float(np.median(times))
        return times, calls

    def inputs(self, path: str, batch: int) -> None:
        """Write the model's inputs to `path`, an .npz."""
        np.savez(path, **self.subject.inputs(batch))  # type: ignore[arg-type]

    def draw(self, path: str, inputs: str | None, batch: int) -> None:
        """Run the model on the file `inputs`, or on its own inputs, and write the outputs to `path`, an .npy."""
        arrays = dict(np.load(inputs)) if inputs else self.subject.inputs(batch)
        np.save(path, self.subject.draw(arrays))

    def memory(self) -> int | None:
        """Peak of this process's memory since the batch began, in bytes; None where the system does not count it."""
        return peak_memory()

    def rates(self, seconds: float) -> dict[str, float]:
        """Measure the machine by this backend's library."""
        return self.subject.rates(seconds)


def serve(make: Callable[[], Subject]) -> None:
    """Answer the questions on standard input until it ends; the first answer are the subject's facts."""
    with _answers() as out:
        subject = make()
        worker = Worker(subject)
        print(json.dumps(subject.facts()), file=out, flush=True)
        for line in sys.stdin:
            question = json.loads(line)
            answer = getattr(worker, question.pop("ask"))(**question)
            print(json.dumps(answer), file=out, flush=True)


@contextmanager
def _answers() -> Iterator[TextIO]:
    """Keep standard output for answers: what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        yield out


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak is counted anew from here


def peak_memory() -> int | None:
    """Read the peak resident memory of this process in bytes; None where the system does not report it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return None
