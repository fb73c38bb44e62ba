"""WebDataset shards: tar files with a picture and a JSON object under one key for each sample."""

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import IO

from pgen.api import Picture
from pgen.bundle.reader import Bundle
from pgen.errors import OutputInvalid
from pgen.images.metadata import facts, model_name
from pgen.images.naming import unwritable
from pgen.images.postprocess import Finish
from pgen.jobs.folder import MEANWHILE_MEND, WRITERS
from pgen.jobs.job import Written, render
from pgen.jobs.pipeline import Pipe
from pgen.jobs.resume import check_same
from pgen.jobs.tasks import Task
from pokegan.errors import PokeganError
from pokegan.files import atomic_path

RESUME_MEND = "choose another folder"

Sample = tuple[Task, Picture, bytes]


def check_new(folder: Path) -> None:
    """Check that a folder holds no shards, which a new job would replace.

    Raises:
        OutputInvalid: it does.
    """
    for path in sorted(folder.glob("shard-*.tar")):
        raise OutputInvalid(f"{path}: is there already; go on with --resume, or choose another folder")


@dataclass(frozen=True)
class Shards:
    """Where the samples of one job go: `size` of them into each ``shard-000000.tar`` of the folder `path`.

    The same job gives the same bytes: members carry no time and no owner.
    """

    path: Path
    bundle: Bundle
    finish: Finish
    size: int

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Leave out the tasks whose shards are finished.

        Raises:
            OutputInvalid: a shard was made from something else, or holds more than is wanted.
        """
        remaining = iter(tasks)
        while shard := list(islice(remaining, self.size)):
            if not self._is_finished(shard, RESUME_MEND):
                yield from shard

    def write(self, pipe: Pipe, drawn: Iterable[tuple[Task, Picture]], batch: int) -> Iterator[Written]:
        """Write the shards, one after the other; a sample is yielded when its shard is whole.

        Raises:
            OutputInvalid: the disk is full, the folder is gone, or another job wrote this shard meanwhile.
        """
        made = pipe.spread(self._render, drawn, WRITERS, 2 * batch)
        for first in made:
            yield from self._write(self._samples(first, made), self._place(first[0].index // self.size))

    def _samples(self, first: Sample, others: Iterator[Sample]) -> Iterator[Sample]:
        """Take the samples of one shard. It ends with its last, so that it need not wait for the next one's first."""
        for sample in chain([first], others):
            yield sample
            if sample[0].index % self.size == self.size - 1:
                return

    def _place(self, number: int) -> Path:
        return self.path / f"shard-{number:06d}.tar"

    def _render(self, made: tuple[Task, Picture]) -> Sample:
        return *made, render(made[1], self.bundle, self.finish)

    def _write(self, samples: Iterable[Sample], path: Path) -> list[Written]:
        tasks: list[Task] = []
        written: list[Written] = []
        try:
            with atomic_path(path) as hidden:
                with tarfile.open(hidden, "x:", format=tarfile.USTAR_FORMAT) as tar:
                    for task, picture, content in samples:
                        _add(tar, task.name, content)
                        _add(tar, _described(task), self._describe(task))
                        tasks.append(task)
                        model = model_name(task.request, self.bundle)
                        written.append(Written(path / task.name, task.request, model, picture.milliseconds))
                if self._is_finished(tasks, MEANWHILE_MEND):
                    hidden.unlink()
        except PokeganError:
            raise
        except OSError as error:
            raise unwritable(path, error) from error
        return written

    def _is_finished(self, tasks: list[Task], mend: str) -> bool:
        path = self._place(tasks[0].index // self.size)
        found = _read(path)
        if found is None:
            return False
        if len(found) > len(tasks):
            raise OutputInvalid(f"{path}: holds {len(found)} samples, not {len(tasks)}; {mend}")
        for (name, its), task in zip(found.items(), tasks, strict=False):
            wanted = facts(task.request, self.bundle, self.finish)
            check_same(path / name, its | {"name": name}, wanted | {"name": _described(task)}, mend)
        return len(found) == len(tasks)  # fewer: there were fewer prompts when it was written

    def _describe(self, task: Task) -> bytes:
        return json.dumps(facts(task.request, self.bundle, self.finish), ensure_ascii=False).encode()


def _described(task: Task) -> str:
    return task.name.partition(".")[0] + ".json"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, BytesIO(content))


def _read(path: Path) -> dict[str, dict[str, str]] | None:
    """Read the facts of every sample of a shard, by member; None where there is no shard, or no whole one."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = (member for member in tar if member.name.endswith(".json"))
            return {member.name: dict(json.load(_opened(tar, member))) for member in members}
    except (OSError, tarfile.TarError, ValueError):
        return None


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    if file is None:
        raise tarfile.ReadError(f"{member.name}: is no file")
    return file
