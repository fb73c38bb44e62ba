"""The same job on a Ray cluster: Ray Data hands units of tasks to actors, one a GPU or a group of cores.

Actors write the files themselves, so that no pixels cross the network; they must see the folder and the bundle
under the same paths as the process that starts the job.
"""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.api import Generator
from pgen.backends.registry import DEVICES
from pgen.bundle.reader import open_bundle
from pgen.errors import BundleInvalid, JobFailed
from pgen.jobs.folder import Folder, marked, seen
from pgen.jobs.job import Job, Written
from pgen.jobs.local import target_of, tasks_of, write_tasks
from pgen.jobs.shards import Shards
from pgen.jobs.tasks import Task
from pokegan.errors import PokeganError
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    from ray.data import Dataset

CORES = 4
"""Cores of an actor that draws on CPUs, unless ``--threads`` says otherwise; several small actors beat a large one."""

UNIT = 256
"""Tasks that an actor takes at once, at most; a shard is one unit always."""

SHARES = 4
"""Units for each actor, at least, where there are so many pictures: so that none waits long for the last."""

ON_GPUS = tuple(name for name, device in DEVICES.items() if device.on_gpu)
"""Devices for which an actor asks for a GPU."""

MOST_BLOCKS = 1000
"""Blocks that Ray Data keeps account of, each with units."""

Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Actors:
    """How many actors draw, and what each of them gets of the cluster."""

    count: int
    cpus: int
    gpus: int


def share_out(device: str, threads: int, resources: dict[str, float]) -> Actors:
    """Share a cluster's `resources` ("CPU" and "GPU") out: an actor a GPU if `device` can use one, or a core group.

    Raises:
        JobFailed: there is no GPU, and `device` needs one.
    """
    gpus, cores = int(resources.get("GPU", 0)), max(1, int(resources.get("CPU", 1)))
    if gpus and device in ("auto", *ON_GPUS):
        return Actors(gpus, threads or max(1, min(CORES, cores // gpus)), 1)
    if device in ON_GPUS:
        raise JobFailed(f"device {device}: the Ray cluster has no GPU; use --device cpu, or start Ray with --num-gpus")
    group = min(threads or CORES, cores)
    return Actors(cores // group, group, 0)


def write_on_cluster(job: Job, folder: Path) -> Iterator[Written]:
    """Write every picture of `job` into `folder`, which all machines of the cluster see.

    It uses the cluster that RAY_ADDRESS names or that was started on this machine, and otherwise this machine alone.
    Errors are those of :func:`pgen.jobs.local.write_pictures`.

    Raises:
        MissingExtra: Ray is not installed.
        JobFailed: the cluster cannot run it.
    """
    digest = open_bundle(job.bundle).digest
    with marked(folder.absolute()) as mark, _connected() as resources:
        actors = share_out(job.device, job.threads, resources)
        units = _units(list(tasks_of(job)), job, actors.count)
        if not units:
            return
        settings = replace(job, wanted=(), bundle=Path(job.bundle).absolute(), threads=actors.cpus)
        for row in _spread(units, (settings, digest, mark), actors).iter_rows():
            error, written = pickle.loads(row["result"])
            yield from written
            if error:
                raise JobFailed(error)


def _units(tasks: Sequence[Task], job: Job, actors: int) -> list[bytes]:
    fair = ceil(len(tasks) / (SHARES * actors))
    least = job.batch if isinstance(job.batch, int) else 1
    size = job.shards or max(min(fair, UNIT), least)
    remaining = iter(tasks)
    units = iter(lambda: list(islice(remaining, size)), [])
    return [pickle.dumps(unit) for unit in units]


class _Artist:
    """An actor: draws and writes units of tasks, with a generator that it opens once."""

    def __init__(self, job: Job, digest: str, mark: Path) -> None:
        self.job, self.digest, self.mark = job, digest, mark
        self._open = cache(self._opened)

    def __call__(self, rows: Rows) -> Rows:
        """Write one unit; an error is told and not raised, because Ray would try again and hide its message."""
        written: list[Written] = []
        told = ""
        try:
            written.extend(self._write(pickle.loads(rows["tasks"][0])))
        except PokeganError as error:
            told = error.message
        return {"result": np.array([pickle.dumps((told, written))], object)}

    def _write(self, tasks: list[Task]) -> Iterator[Written]:
        generator, target, batch = self._open()
        return write_tasks(generator, iter(tasks), target, batch, self.job.resume)

    def _opened(self) -> tuple[Generator, Folder | Shards, int | str]:
        generator = self.job.generator()
        if generator.bundle.digest != self.digest:
            raise BundleInvalid(f"{self.job.bundle}: is another bundle on this machine; put the same on all of them")
        return generator, target_of(self.job, generator.bundle, self.mark.parent, seen(self.mark)), self.job.batch


def _spread(units: list[bytes], settings: tuple[Job, str, Path], actors: Actors) -> "Dataset":
    from ray.data import ActorPoolStrategy, from_items

    rows = from_items([{"tasks": unit} for unit in units], override_num_blocks=min(len(units), MOST_BLOCKS))
    return rows.map_batches(
        _Artist,
        fn_constructor_args=settings,
        batch_size=1,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=actors.count),
        num_cpus=actors.cpus,
        num_gpus=actors.gpus or None,
    )


@contextmanager
def _connected() -> Iterator[dict[str, float]]:
    """Connect to a cluster, unless that is done, and yield its resources.

    Raises:
        MissingExtra: Ray is not installed.
        JobFailed: there is no cluster where RAY_ADDRESS says, or it fails.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # pgen tells nobody what it does
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters comes as an exception
    with needs_extra("ray"):
        import ray
        import ray.data

    ours = not ray.is_initialized()
    try:
        if ours:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False  # pgen has its own
        yield ray.cluster_resources()  # type: ignore[no-untyped-call]
    except (ray.exceptions.RayError, ConnectionError) as error:
        reason = " ".join(str(error).split())
        raise JobFailed(f"Ray failed ({reason[-300:]}); ray status tells of the cluster") from error
    finally:
        if ours:
            ray.shutdown()
