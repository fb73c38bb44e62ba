"""From tasks to pictures: prompts are embedded while the pictures before them are drawn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pgen.batch.pipe import Pipe
from pgen.batch.tasks import Task
from pgen.generator import Generator, Picture

WINDOW = 256
"""Prompts that are embedded at once, if they are there: enough of each length to make batches for the encoder."""

AHEAD = 2
"""Batches that are embedded before they are drawn."""


@dataclass(frozen=True)
class _Prepared:
    """Inputs of a generator: latent float32 (N, L) and text float32 (N, D), or None for a model that reads none."""

    tasks: list[Task]
    latent: NDArray[np.float32]
    text: NDArray[np.float32] | None


def draw(pipe: Pipe, generator: Generator, tasks: Iterable[Task], batch: int) -> Iterator[tuple[Task, Picture]]:
    """Draw a picture for each task, in order, `batch` at a time."""
    windows = pipe.gather(tasks, batch, max(batch, WINDOW // batch * batch))
    return _draw(generator, pipe.ahead(_prepare(generator, windows, batch), AHEAD))


def _prepare(generator: Generator, windows: Iterable[list[Task]], batch: int) -> Iterator[_Prepared]:
    for window in windows:
        for _, alike in groupby(window, lambda task: (task.request.model, task.request.stage)):
            group = list(alike)
            latent, text = generator.inputs([task.request for task in group])
            for at in range(0, len(group), batch):
                part = slice(at, at + batch)
                yield _Prepared(group[part], latent[part], None if text is None else text[part])


def _draw(generator: Generator, batches: Iterable[_Prepared]) -> Iterator[tuple[Task, Picture]]:
    for batch in batches:
        first = batch.tasks[0].request
        model = generator.find(first.model)
        generator.session(model)  # outside of what is timed
        began = perf_counter()
        pixels = generator.generate(batch.latent, batch.text, model, first.stage)
        each = 1e3 * (perf_counter() - began) / len(pixels)
        for task, picture in zip(batch.tasks, pixels, strict=True):
            yield task, Picture(task.request, picture, each)
