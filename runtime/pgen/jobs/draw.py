"""From tasks to pictures: prompts are embedded while the pictures before them are drawn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pgen.api import Generator, Picture
from pgen.jobs.pipeline import Pipe
from pgen.jobs.tasks import Task

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
    return _draw(generator, pipe.ahead(_prepare(generator, pipe.gather(tasks, batch)), AHEAD))


def _prepare(generator: Generator, batches: Iterable[list[Task]]) -> Iterator[_Prepared]:
    for batch in batches:
        for _, alike in groupby(batch, lambda task: (task.request.model, task.request.stage)):
            group = list(alike)
            yield _Prepared(group, *generator.inputs([task.request for task in group]))


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
