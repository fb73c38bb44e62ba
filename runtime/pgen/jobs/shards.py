"""WebDataset shards: tar files with a picture and a JSON object under one key for each sample."""

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path

from pgen.bundle.reader import Bundle
from pgen.errors import OutputInvalid, ShardsExist
from pgen.images.metadata import Fields, model_name, picture_fields
from pgen.images.model import Picture
from pgen.images.naming import unwritable
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import Task, Written, render
from pgen.jobs.pipeline import WRITERS, Pipe
from pgen.jobs.resume import CONFLICT, check_same
from pokegan.errors import PokeganError
from pokegan.files import atomic_path

Sample = tuple[Task, Picture, bytes]


def check_no_shards(folder: Path) -> None:
    """Check that a folder has no shards, which a new job would replace.

    Raises:
        OutputInvalid: it has.
    """
    for path in sorted(folder.glob("shard-*.tar")):
        raise ShardsExist(f"{path}: exists; choose another folder")


@dataclass(frozen=True)
class Shards:
    """The target of a job that writes WebDataset shards: `size` samples in each ``shard-000000.tar`` of folder `path`.

    Equal jobs write equal bytes: members have neither time nor owner.
    """

    path: Path
    bundle: Bundle
    postprocess: Postprocess
    size: int

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield the tasks whose shards are not finished.

        Raises:
            OutputInvalid: a shard was made with other settings, or has more samples than the job.
        """
        remaining = iter(tasks)
        while shard := list(islice(remaining, self.size)):
            if not self._is_finished(shard, "choose another folder"):
                yield from shard

    def write(self, pipe: Pipe, drawn: Iterable[tuple[Task, Picture]], batch: int) -> Iterator[Written]:
        """Write the shards, one after the other; samples are yielded when their shard is complete.

        Raises:
            OutputInvalid: the disk is full, the folder was removed, or another job wrote a different shard.
        """
        samples = pipe.spread(self._render, drawn, WRITERS, 2 * batch)
        for first in samples:
            yield from self._write(self._one_shard(first, samples), self._path(first[0].index // self.size))

    def _one_shard(self, first: Sample, others: Iterator[Sample]) -> Iterator[Sample]:
        """Yield the samples of one shard; it ends without waiting for the first sample of the next."""
        for sample in chain([first], others):
            yield sample
            if sample[0].index % self.size == self.size - 1:
                return

    def _path(self, number: int) -> Path:
        return self.path / f"shard-{number:06d}.tar"

    def _render(self, drawn: tuple[Task, Picture]) -> Sample:
        return *drawn, render(drawn[1], self.bundle, self.postprocess)

    def _write(self, samples: Iterable[Sample], path: Path) -> list[Written]:
        tasks: list[Task] = []
        written: list[Written] = []
        try:
            with atomic_path(path) as hidden:
                with tarfile.open(hidden, "x:", format=tarfile.USTAR_FORMAT) as tar:
                    for task, picture, content in samples:
                        _add(tar, task.name, content)
                        _add(tar, _json_name(task), json.dumps(self._fields(task), ensure_ascii=False).encode())
                        tasks.append(task)
                        model = model_name(task.request, self.bundle)
                        written.append(Written(path / task.name, task.request, model, picture.milliseconds))
                if self._is_finished(tasks, CONFLICT):
                    hidden.unlink()
        except PokeganError:
            raise
        except OSError as error:
            raise unwritable(path, error) from error
        return written

    def _is_finished(self, tasks: list[Task], remedy: str) -> bool:
        path = self._path(tasks[0].index // self.size)
        samples = _read(path)
        if samples is None:
            return False
        if len(samples) > len(tasks):
            raise OutputInvalid(f"{path}: has {len(samples)} samples, not {len(tasks)}; {remedy}")
        for (name, fields), task in zip(samples.items(), tasks, strict=False):
            expected = self._fields(task) | {"name": _json_name(task)}
            check_same(path / name, fields | {"name": name}, expected, remedy)
        return len(samples) == len(tasks)  # fewer: there were fewer prompts when it was written

    def _fields(self, task: Task) -> Fields:
        return picture_fields(task.request, self.bundle, self.postprocess)


def _json_name(task: Task) -> str:
    return task.name.partition(".")[0] + ".json"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, BytesIO(content))


def _read(path: Path) -> dict[str, Fields] | None:
    """Read the metadata of every sample of a shard, by member; None if the shard is missing or incomplete."""
    samples: dict[str, Fields] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.name.endswith(".json") and (file := tar.extractfile(member)):
                    samples[member.name] = dict(json.load(file))
    except (OSError, tarfile.TarError, ValueError):
        return None
    return samples
