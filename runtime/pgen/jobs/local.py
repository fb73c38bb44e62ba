"""Jobs of any length: prompts stream in, files stream out."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from pgen.api import Generator
from pgen.bundle.reader import Bundle
from pgen.errors import RequestInvalid
from pgen.images.naming import check_folder
from pgen.jobs.autobatch import AUTO, FEW, resolve
from pgen.jobs.draw import draw
from pgen.jobs.folder import Folder, marked, seen
from pgen.jobs.job import ENGINES, Job, Written
from pgen.jobs.pipeline import Pipe
from pgen.jobs.shards import Shards, check_new
from pgen.jobs.tasks import Task, named, numbered


def write_pictures(job: Job, folder: str | Path) -> Iterator[Written]:
    """Write every picture of `job` into `folder`, as files or as shards, while the next are drawn; in order.

    Memory does not grow with the job, except that the engine "ray" holds its prompts. What was yielded is whole and
    stays, whatever comes then; with `job.resume`, what is there already is neither made nor yielded.

    Raises:
        PokeganError: a prompt, the bundle or `folder` cannot be used; or it holds shards already or, with `job.resume`,
            pictures that were made from another bundle or with other settings.
    """
    check_job(job)
    folder = check_folder(Path(folder))
    if job.shards is not None and not job.resume:
        check_new(folder)
    if job.engine == "ray":
        from pgen.jobs.ray import write_on_cluster

        yield from write_on_cluster(job, folder)
    else:
        with marked(folder) as mark:
            began = seen(mark)
        generator = job.generator()
        target = target_of(job, generator.bundle, folder, began)
        yield from write_tasks(generator, tasks_of(job), target, job.batch, job.resume)


def check_job(job: Job) -> None:
    """Check what can be checked without a bundle.

    Raises:
        RequestInvalid: batch, shards or engine cannot be used.
    """
    if job.batch != AUTO and not (isinstance(job.batch, int) and job.batch >= 1):
        raise RequestInvalid(f"batch {job.batch}: give a number from 1, or {AUTO}")
    if job.shards is not None and job.shards < 1:
        raise RequestInvalid(f"shards {job.shards}: give the number of pictures in each, from 1")
    if job.engine not in ENGINES:
        raise RequestInvalid(f"engine {job.engine}: choose {' or '.join(ENGINES)}")


def tasks_of(job: Job) -> Iterator[Task]:
    """Name the files of a job, one by one."""
    return (numbered if job.shards else named)(job.wanted, job.finish.format)


def target_of(job: Job, bundle: Bundle, folder: Path, began: float) -> Folder | Shards:
    """Tell where the pictures of a job go."""
    if job.shards is None:
        return Folder(folder, bundle, job.finish, began)
    return Shards(folder, bundle, job.finish, job.shards)


def write_tasks(
    generator: Generator, tasks: Iterator[Task], target: Folder | Shards, batch: int | str, resume: bool
) -> Iterator[Written]:
    """Draw and write `tasks`; those that are finished are left out if `resume`."""
    wanted = target.missing(tasks) if resume else tasks
    size, wanted = _choose(generator, wanted, batch)
    with Pipe() as pipe:
        yield from target.write(pipe, draw(pipe, generator, wanted, size), size)


def _choose(generator: Generator, tasks: Iterator[Task], batch: int | str) -> tuple[int, Iterator[Task]]:
    """Resolve a batch of "auto", and give the tasks back that were looked at for it."""
    first = [] if isinstance(batch, int) else list(islice(tasks, FEW))
    return resolve(batch, generator, [task.request for task in first]), chain(first, tasks)
