"""A folder with a file for each picture."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from pgen.api import Picture
from pgen.bundle.reader import Bundle
from pgen.errors import OutputInvalid
from pgen.images.metadata import facts, model_name
from pgen.images.naming import remove, write
from pgen.images.postprocess import Finish
from pgen.jobs.job import Written, render
from pgen.jobs.pipeline import Pipe
from pgen.jobs.resume import check_same, finished_facts
from pgen.jobs.tasks import Task

WRITERS = min(8, os.cpu_count() or 1)
"""Threads that encode and write."""

RESUME_MEND = "choose another folder, or leave --resume out to make it again"
MEANWHILE_MEND = "another process writes into this folder; choose another"


@dataclass(frozen=True)
class Folder:
    """Where the pictures of one job go.

    Attributes:
        path: the folder.
        bundle: what draws them.
        finish: how they are finished.
        began: when the job began, by the clock of the folder's file system (seconds).
    """

    path: Path
    bundle: Bundle
    finish: Finish
    began: float

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Leave out the tasks whose files are finished.

        Raises:
            OutputInvalid: a file of that name was made from something else.
        """
        return (task for task in tasks if not self._is_made(task, RESUME_MEND))

    def write(self, pipe: Pipe, drawn: Iterable[tuple[Task, Picture]], batch: int) -> Iterator[Written]:
        """Write a file for each picture, in order.

        Raises:
            OutputInvalid: the disk is full, the folder is gone, or another job wrote a file of that name meanwhile.
        """
        return pipe.spread(self._write, drawn, WRITERS, 2 * batch)

    def _write(self, made: tuple[Task, Picture]) -> Written:
        task, picture = made
        began = perf_counter()
        path = self.path / task.name
        content = render(picture, self.bundle, self.finish)
        if not (self._is_new(path) and self._is_made(task, MEANWHILE_MEND)):
            write(path, content)
        cost = picture.milliseconds + 1e3 * (perf_counter() - began)
        return Written(path, task.request, model_name(task.request, self.bundle), cost)

    def _is_new(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime >= self.began
        except OSError:
            return False

    def _is_made(self, task: Task, mend: str) -> bool:
        path = self.path / task.name
        found = finished_facts(path)
        if found is not None:
            check_same(path, found, facts(task.request, self.bundle, self.finish), mend)
        return found is not None


@contextmanager
def marked(folder: Path) -> Iterator[Path]:
    """Keep an empty file in a folder: it tells the folder's clock, and which machines see the folder.

    Raises:
        OutputInvalid: the folder cannot be written.
    """
    mark = folder / f".pgen-{os.urandom(8).hex()}.job"
    write(mark, b"")
    try:
        yield mark
    finally:
        remove(mark)


def seen(mark: Path) -> float:
    """Tell when a job began (seconds), from its mark.

    Raises:
        OutputInvalid: this machine does not see it.
    """
    try:
        return mark.stat().st_mtime
    except OSError as error:
        raise OutputInvalid(
            f"{mark.parent}: this machine does not see the folder that the job was started with; use shared storage"
        ) from error
