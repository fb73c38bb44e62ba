"""Jobs on a Ray cluster: Ray Data distributes units of tasks to actors, each with a GPU or a group of cores.

Actors write the files themselves, so that no pixels cross the network; they must see the folder and the bundle
under the same paths as the process that starts the job.
"""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends.registry import DEVICES
from pgen.bundle.reader import open_bundle
from pgen.errors import BundleInvalid, JobFailed
from pgen.images.model import PictureModel
from pgen.jobs.folder import Folder, job_marker, start_time
from pgen.jobs.job import Job, Task, Written
from pgen.jobs.local import job_target, write_tasks
from pgen.jobs.shards import Shards
from pokegan.errors import PokeganError, one_line
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    from ray.data import Dataset

CORES = 4
"""Cores of an actor on CPUs, unless the job sets its threads; several small actors are faster than a large one."""

UNIT = 256
"""Maximum number of tasks in a unit; a shard is always one unit."""

SHARES = 4
"""Minimum number of units per actor, for jobs large enough, so that no actor idles long at the end."""

ON_GPUS = tuple(name for name, device in DEVICES.items() if device.on_gpu)
"""Devices for which an actor reserves a GPU."""

MOST_BLOCKS = 1000
"""Maximum number of Ray Data blocks, each with units."""

Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Actors:
    """Number of actors, and the resources of each."""

    count: int
    cpus: int
    gpus: int


def share_out(device: str, threads: int, resources: dict[str, float]) -> Actors:
    """Divide a cluster's `resources` ("CPU" and "GPU"): one actor per GPU if `device` can use it, else per core group.

    Raises:
        JobFailed: `device` needs a GPU, and the cluster has none.
    """
    gpus, cores = int(resources.get("GPU", 0)), max(1, int(resources.get("CPU", 1)))
    if gpus and device in ("auto", *ON_GPUS):
        return Actors(gpus, threads or max(1, min(CORES, cores // gpus)), 1)
    if device in ON_GPUS:
        raise JobFailed(
            f"device {device}: the Ray cluster has no GPU; start Ray with --num-gpus, or use another device"
        )
    group = min(threads or CORES, cores)
    return Actors(cores // group, group, 0)


def write_on_cluster(job: Job, folder: Path) -> Iterator[Written]:
    """Write every picture of `job` into `folder`, which all machines of the cluster must see.

    The cluster is the one that RAY_ADDRESS names or that runs on this machine, otherwise this machine alone.
    Errors are those of :func:`pgen.jobs.write.write_pictures`.

    Raises:
        MissingExtra: Ray is not installed.
        JobFailed: the cluster cannot run it.
    """
    digest = open_bundle(job.bundle).digest
    with job_marker(folder.absolute()) as marker, _connected() as resources:
        actors = share_out(job.device, job.threads, resources)
        units = _units(list(job.tasks()), job, actors.count)
        if not units:
            return
        settings = replace(job, requests=(), bundle=Path(job.bundle).absolute(), threads=actors.cpus)
        for row in _spread(units, (settings, digest, marker), actors).iter_rows():
            error, written = pickle.loads(row["result"])
            yield from written
            if error:
                raise JobFailed(error)


def _units(tasks: Sequence[Task], job: Job, actors: int) -> list[bytes]:
    fair = ceil(len(tasks) / (SHARES * actors))
    smallest = job.batch if isinstance(job.batch, int) else 1
    size = job.shards or max(min(fair, UNIT), smallest)
    remaining = iter(tasks)
    units = iter(lambda: list(islice(remaining, size)), [])
    return [pickle.dumps(unit) for unit in units]


class _Worker:
    """An actor: generates and writes units of tasks, with a model that it opens once."""

    def __init__(self, job: Job, digest: str, marker: Path) -> None:
        self.job, self.digest, self.marker = job, digest, marker

    def __call__(self, rows: Rows) -> Rows:
        """Write one unit; errors are returned, because Ray would retry after an exception and hide its message."""
        written: list[Written] = []
        failure = ""
        try:
            written.extend(self._write(pickle.loads(rows["tasks"][0])))
        except PokeganError as error:
            failure = error.message
        return {"result": np.array([pickle.dumps((failure, written))], object)}

    def _write(self, tasks: list[Task]) -> Iterator[Written]:
        generator, target = self._opened
        return write_tasks(generator, iter(tasks), target, self.job.batch, self.job.resume)

    @cached_property
    def _opened(self) -> tuple[PictureModel, Folder | Shards]:
        generator = self.job.generator()
        if generator.bundle.digest != self.digest:
            raise BundleInvalid(f"{self.job.bundle}: is another bundle on this machine; copy the same one to all")
        target = job_target(self.job, generator.bundle, self.marker.parent, start_time(self.marker))
        return generator, target


def _spread(units: list[bytes], settings: tuple[Job, str, Path], actors: Actors) -> "Dataset":
    from ray.data import ActorPoolStrategy, from_items

    rows = from_items([{"tasks": unit} for unit in units], override_num_blocks=min(len(units), MOST_BLOCKS))
    return rows.map_batches(
        _Worker,
        fn_constructor_args=settings,
        batch_size=1,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=actors.count),
        num_cpus=actors.cpus,
        num_gpus=actors.gpus or None,
    )


@contextmanager
def _connected() -> Iterator[dict[str, float]]:
    """Connect to a cluster, unless already connected, and yield its resources.

    Raises:
        MissingExtra: Ray is not installed.
        JobFailed: RAY_ADDRESS names no cluster, or the cluster fails.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # failures are raised as exceptions
    with needs_extra("ray"):
        import ray
        import ray.data

    ours = not ray.is_initialized()
    try:
        if ours:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False  # pgen shows its own
        yield ray.cluster_resources()  # type: ignore[no-untyped-call]
    except (ray.exceptions.RayError, ConnectionError) as error:
        reason = one_line(str(error)[-300:], 300)  # the cause comes last
        raise JobFailed(f"Ray failed ({reason}); ray status shows the state of the cluster") from error
    finally:
        if ours:
            ray.shutdown()
