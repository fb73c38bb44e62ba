"""Jobs in this process, and the parts of them that every executor runs.

Prompts are embedded while the previous pictures are generated, and files are written while the next are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby, islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from pgen.bundle.reader import Bundle
from pgen.images.model import Inputs, Picture, PictureModel
from pgen.jobs.folder import Folder, job_marker, start_time
from pgen.jobs.job import Interrupted, Job, Task, Written
from pgen.jobs.pipeline import Pipe

if TYPE_CHECKING:
    from pgen.jobs.shards import Shards

AHEAD = 2
"""Batches that are embedded ahead of the one that is generated."""


def write_locally(job: Job, folder: Path) -> Iterator[Written]:
    """Write every picture of `job` into `folder`; see :func:`pgen.jobs.write.write_pictures`."""
    with job_marker(folder) as marker:
        started = start_time(marker)
    generator = job.generator()
    target = job_target(job, generator.bundle, folder, started)
    yield from write_tasks(generator, job.tasks(), target, job.batch, job.resume)


def job_target(job: Job, bundle: Bundle, folder: Path, started: float) -> "Folder | Shards":
    """Return the target that the pictures of a job are written to."""
    if job.shards is None:
        return Folder(folder, bundle, job.postprocess, started)
    from pgen.jobs.shards import Shards

    return Shards(folder, bundle, job.postprocess, job.shards)


def write_tasks(
    generator: PictureModel, tasks: Iterator[Task], target: "Folder | Shards", batch: int | str, resume: bool
) -> Iterator[Written]:
    """Generate and write `tasks`; with `resume`, without those that are finished.

    Raises:
        Interrupted: Ctrl-C; it has what was written, from the file that was yielded last.
    """
    remaining = target.missing(tasks) if resume else tasks
    size, remaining = _choose_batch(generator, remaining, batch)

    def noted(written: Written) -> Written:
        return replace(written, notes=generator.encoder.notes_on(written.request.texts))

    pipe = Pipe()
    try:
        with pipe:
            yield from map(noted, target.write(pipe, _draw(pipe, generator, remaining, size), size))
    except KeyboardInterrupt as error:  # samples of an unfinished shard are not Written
        raise Interrupted([noted(result) for result in pipe.unseen() if isinstance(result, Written)]) from error


def _choose_batch(generator: PictureModel, tasks: Iterator[Task], batch: int | str) -> tuple[int, Iterator[Task]]:
    """Resolve a batch of "auto", and return it with all tasks, including those that were used to choose it."""
    if isinstance(batch, int):
        return batch, tasks
    from pgen.jobs.autobatch import FEW, resolve_batch

    first = list(islice(tasks, FEW))
    return resolve_batch(batch, generator, [task.request for task in first]), chain(first, tasks)


def _draw(pipe: Pipe, generator: PictureModel, tasks: Iterable[Task], batch: int) -> Iterator[tuple[Task, Picture]]:
    """Generate a picture for each task, in order, `batch` at a time."""
    for group, inputs in pipe.ahead(_with_inputs(generator, pipe.gather(tasks, batch)), AHEAD):
        first = group[0].request
        model = generator.find(first.model)
        backend = generator.backend(model)  # opened before the clock starts
        began = perf_counter()
        pixels = generator.generate(inputs, model, first.stage)
        milliseconds = 1e3 * (perf_counter() - began) / len(pixels)
        for task, picture in zip(group, pixels, strict=True):
            yield task, Picture(task.request, picture, milliseconds, backend)


def _with_inputs(generator: PictureModel, batches: Iterable[list[Task]]) -> Iterator[tuple[list[Task], Inputs]]:
    """Split batches into tasks of one model and stage, and compute the inputs of each group."""
    for batch in batches:
        for _, tasks in groupby(batch, lambda task: (task.request.model, task.request.stage)):
            group = list(tasks)
            yield group, generator.inputs([task.request for task in group])
