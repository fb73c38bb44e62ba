"""A job's folder with one file per picture."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from pgen.bundle.reader import Bundle
from pgen.errors import OutputDiffers, OutputInvalid
from pgen.images.metadata import model_name, picture_fields
from pgen.images.model import Picture
from pgen.images.naming import remove, write
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import Task, Written, render
from pgen.jobs.pipeline import WRITERS, Pipe
from pgen.jobs.resume import CONFLICT, check_same, finished_fields


@dataclass(frozen=True)
class Folder:
    """The target of a job that writes one file per picture.

    Attributes:
        path: the folder.
        bundle: generates the pictures.
        postprocess: how their pixels are processed.
        started: when the job started, by the clock of the folder's file system (seconds).
    """

    path: Path
    bundle: Bundle
    postprocess: Postprocess
    started: float

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield the tasks whose files are not finished.

        Raises:
            OutputInvalid: a file of that name was made with other settings.
        """
        return (task for task in tasks if not self._is_finished(task, "choose another folder", OutputDiffers))

    def write(self, pipe: Pipe, drawn: Iterable[tuple[Task, Picture]], batch: int) -> Iterator[Written]:
        """Write a file for each picture, in order.

        Raises:
            OutputInvalid: the disk is full, the folder was removed, or another job wrote a different file of that name.
        """
        return pipe.spread(self._write, drawn, WRITERS, 2 * batch)

    def _write(self, drawn: tuple[Task, Picture]) -> Written:
        task, picture = drawn
        began = perf_counter()
        path = self.path / task.name
        content = render(picture, self.bundle, self.postprocess)
        if not (self._is_new(path) and self._is_finished(task, CONFLICT)):
            write(path, content)
        cost = picture.milliseconds + 1e3 * (perf_counter() - began)
        return Written(path, task.request, model_name(task.request, self.bundle), cost, backend=picture.backend)

    def _is_new(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime >= self.started
        except OSError:
            return False

    def _is_finished(self, task: Task, remedy: str, error: type[OutputInvalid] = OutputInvalid) -> bool:
        path = self.path / task.name
        fields = finished_fields(path)
        if fields is not None:
            check_same(path, fields, picture_fields(task.request, self.bundle, self.postprocess), remedy, error)
        return fields is not None


@contextmanager
def job_marker(folder: Path) -> Iterator[Path]:
    """Keep an empty file in a folder: its time is that of the folder's clock, and only machines that share it see it.

    Raises:
        OutputInvalid: the folder is not writable.
    """
    marker = folder / f".pgen-{os.urandom(8).hex()}.job"
    write(marker, b"")
    try:
        yield marker
    finally:
        remove(marker)


def start_time(marker: Path) -> float:
    """Return when a job started (seconds), from its marker.

    Raises:
        OutputInvalid: this machine does not see the marker.
    """
    try:
        return marker.stat().st_mtime
    except OSError as error:
        raise OutputInvalid(
            f"{marker.parent}: this machine does not see the folder of the job; use shared storage"
        ) from error
