"""The same requests without a server: a process that generates images in batches and writes them like `pgen image`.

It reads the parameters as JSON from stdin and writes the images per second of each round as JSON to stdout. Loading the
bundle and warming up are not measured. Inference, encoding and writing overlap, as in the command.
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
"""Batches that are not measured."""


def requests(names: list[str]) -> Iterator[Request]:
    """Yield the requests of the clients, endlessly."""
    return (Request(prompt(number, names), number) for number in count())


def write(generator: Generator, image_requests: Iterator[Request], batch: int) -> int:
    """Write the images to a temporary folder, and count them."""
    with tempfile.TemporaryDirectory() as folder:
        target = Folder(Path(folder), generator.bundle, Postprocess(), time.time())
        return sum(1 for _ in write_tasks(generator, Job(image_requests).tasks(), target, batch, False))


def rate(generator: Generator, image_requests: Iterator[Request], batch: int, seconds: float) -> float:
    """Write images for `seconds`, finish the batches that have started, and return images per second."""
    start = time.perf_counter()
    end = start + seconds

    def limited() -> Iterator[Request]:
        while time.perf_counter() < end:
            yield from islice(image_requests, batch)

    return write(generator, limited(), batch) / (time.perf_counter() - start)


def main() -> None:
    parameters = json.load(sys.stdin)
    generator = load(parameters["bundle"], parameters["device"], parameters["threads"])
    image_requests, batch = requests(parameters["names"]), parameters["batch"]
    write(generator, islice(image_requests, WARM_UP * batch), batch)
    json.dump(
        [rate(generator, image_requests, batch, parameters["seconds"]) for _ in range(parameters["rounds"])], sys.stdout
    )


if __name__ == "__main__":
    main()
