"""Many pictures in one file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from PIL import Image

from pgen.api import DEFAULT_BATCH, Generator
from pgen.errors import RequestInvalid
from pgen.images.encoders import encode
from pgen.images.metadata import grid_facts, model_name
from pgen.images.naming import Namer, free
from pgen.images.postprocess import MAX_GRID, Finish, check_grid, grid
from pgen.jobs.autobatch import resolve
from pgen.jobs.job import Job, finish_for, put
from pgen.request import Request


@dataclass(frozen=True)
class WrittenGrid:
    """A grid that was written: the requests of its pictures, their model, and milliseconds from first to file."""

    file: Path
    requests: Sequence[Request]
    model: str
    milliseconds: float

    def described(self) -> dict[str, Any]:
        """Tell its pictures and their model, ready for JSON."""
        pictures = [{"prompt": request.prompt, "seed": request.seed} for request in self.requests]
        return {"pictures": pictures, "model": self.model}


def write_grid(
    job: Job, out: str | Path | BinaryIO | None = None, columns: int | None = None, step: Callable[[], object] = int
) -> WrittenGrid:
    """Write all pictures of `job`, in one grid, to a file or an open stream.

    Args:
        job: pictures of one model, truncation and stage.
        out: a file, whose extension tells the format, or a stream; None for a new file in the current folder.
        columns: pictures in a row; None for a grid as square as can be.
        step: called after each picture.

    Raises:
        PokeganError: a prompt, the bundle or `out` cannot be used, or the grid would be too large; nothing is written.
    """
    wanted = _taken(job)
    out = Path(out) if isinstance(out, str) else out or free(Path(Namer()(wanted[0], f"grid.{job.finish.format}")))
    finish = finish_for(job.finish, out)
    generator = job.generator()
    began = perf_counter()
    sheet = grid_image(generator, wanted, finish, columns, resolve(job.batch, generator, wanted), step)
    told = grid_facts(wanted, columns, generator.bundle, finish)
    file = put(out, encode(sheet, finish.format, told))
    return WrittenGrid(file, wanted, model_name(wanted[0], generator.bundle), 1e3 * (perf_counter() - began))


def _taken(job: Job) -> list[Request]:
    wanted = list(islice(job.wanted, MAX_GRID + 1))
    if not wanted:
        raise RequestInvalid("no picture was asked for; give a prompt at least")
    if len(wanted) > MAX_GRID:
        raise RequestInvalid(f"more pictures than a grid can hold, which is {MAX_GRID:,}; use --out-dir")
    return wanted


def grid_image(
    generator: Generator,
    wanted: Sequence[Request],
    finish: Finish,
    columns: int | None = None,
    batch: int = DEFAULT_BATCH,
    step: Callable[[], object] = int,
) -> Image.Image:
    """Draw all that is `wanted` in one image; arguments and errors as in :func:`write_grid`."""
    first = wanted[0]
    if any(replace(first, prompt=other.prompt, seed=other.seed) != other for other in wanted):
        raise RequestInvalid("the pictures of a grid share model, truncation and stage; draw several grids")
    size = finish.size or generator.size(generator.find(first.model), first.stage)
    check_grid(len(wanted), size, columns)

    def images() -> Iterator[Image.Image]:
        for picture in generator.stream(wanted, batch):
            yield finish.resize(picture.pixels)
            step()

    return finish.flatten(grid(images(), len(wanted), size, columns))
