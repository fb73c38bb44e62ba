"""Tasks: requests with the names of their files, which is all that is known of them before they are drawn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgen.images.naming import Namer
from pgen.request import Request


@dataclass(frozen=True)
class Task:
    """A picture to make: the `index`-th of its job, to be written under `name`."""

    index: int
    request: Request
    name: str


def named(wanted: Iterable[Request], extension: str) -> Iterator[Task]:
    """Name a file in a folder for each request, see :class:`pgen.images.naming.Namer`."""
    name = Namer()
    return (Task(index, request, name(request, extension)) for index, request in enumerate(wanted))


def numbered(wanted: Iterable[Request], extension: str) -> Iterator[Task]:
    """Number the requests: in a shard, names must differ even where requests do not."""
    return (Task(index, request, f"{index:09d}.{extension}") for index, request in enumerate(wanted))
