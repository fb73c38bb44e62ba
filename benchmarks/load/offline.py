"""The same requests without a server: a process that draws them at a batch and writes the files, as `pgen image` does.

What to do comes as JSON through stdin, the pictures a second of each round go as JSON to stdout. The process is warm:
opening the bundle does not count. Drawing, encoding and writing overlap, as they do in the command.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from load.prompts import prompt
from pgen.api import Generator, load
from pgen.images.postprocess import Postprocess
from pgen.jobs.folder import Folder
from pgen.jobs.job import Job
from pgen.jobs.local import write_tasks
from pgen.request import Request

WARM_UP = 2
"""Batches that do not count."""


def requests(names: list[str]) -> Iterator[Request]:
    """Ask as the clients do, without end."""
    return (Request(prompt(number, names), number) for number in count())


def write(generator: Generator, wanted: Iterator[Request], batch: int) -> int:
    """Write the pictures into a folder that then goes; counts them."""
    with tempfile.TemporaryDirectory() as place:
        target = Folder(Path(place), generator.bundle, Postprocess(), time.time())
        return sum(1 for _ in write_tasks(generator, Job(wanted).tasks(), target, batch, False))


def rate(generator: Generator, wanted: Iterator[Request], batch: int, seconds: float) -> float:
    """Write pictures for `seconds`, then what has been begun; pictures a second."""
    began = time.perf_counter()
    until = began + seconds

    def limited() -> Iterator[Request]:
        while time.perf_counter() < until:
            yield from islice(wanted, batch)

    return write(generator, limited(), batch) / (time.perf_counter() - began)


def main() -> None:
    told = json.load(sys.stdin)
    generator = load(told["bundle"], told["device"], told["threads"])
    wanted, batch = requests(told["names"]), told["batch"]
    write(generator, islice(wanted, WARM_UP * batch), batch)
    json.dump([rate(generator, wanted, batch, told["seconds"]) for _ in range(told["rounds"])], sys.stdout)


if __name__ == "__main__":
    main()
