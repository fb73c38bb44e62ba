"""Running jobs: one picture or a grid to one file, or any number of pictures to a folder."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from pgen.errors import OutputTooLarge, RequestInvalid, SeveralPictures
from pgen.images.encoders import encode
from pgen.images.metadata import describe_request, grid_fields, model_name
from pgen.images.naming import Namer, check_file, check_folder, unused_path, write
from pgen.images.postprocess import FORMATS, MAX_GRID, Postprocess
from pgen.jobs.job import Job, Written, render
from pgen.request import Request, integer


@dataclass(frozen=True)
class WrittenGrid:
    """A written grid: the requests of its pictures, their model, the milliseconds that it took, and notes by prompt.

    The backend is as in :class:`pgen.images.model.Picture`.
    """

    file: Path
    requests: Sequence[Request]
    model: str
    milliseconds: float
    notes: Mapping[str, str] = field(default_factory=dict)
    backend: str = ""

    def described(self) -> dict[str, Any]:
        """Describe its pictures and their model, ready for JSON."""
        return {"pictures": [*map(describe_request, self.requests)], "model": self.model} | (
            {"notes": dict(self.notes)} if self.notes else {}
        )


def write_one(job: Job, out: str | Path | BinaryIO) -> Written:
    """Write the only picture of `job` to a file, in the format of its extension, or to an open stream.

    Raises:
        RequestInvalid: the job has several pictures, or none.
        PokeganError: the prompt, the bundle or `out` cannot be used; nothing is written.
    """
    out = Path(out) if isinstance(out, str) else out
    postprocess = _with_format(job.postprocess, out)
    requests = list(islice(job.requests, 2))
    if len(requests) > 1:
        raise SeveralPictures("several pictures do not fit into one file; write a grid, or into a folder")
    generator = job.generator()
    for picture in generator.stream(requests):
        began = perf_counter()
        file = put(out, render(picture, generator.bundle, postprocess))
        cost = picture.milliseconds + 1e3 * (perf_counter() - began)
        notes = generator.encoder.notes_on(picture.request.texts)
        model = model_name(picture.request, generator.bundle)
        return Written(file, picture.request, model, cost, notes, picture.backend)
    raise RequestInvalid("no picture was requested; give at least one prompt")


def write_grid(
    job: Job, out: str | Path | BinaryIO | None = None, columns: int | None = None, step: Callable[[], object] = int
) -> WrittenGrid:
    """Write all pictures of `job`, as one grid, to a file or an open stream.

    Args:
        job: pictures whose requests differ only in prompt and seed.
        out: a file, whose extension determines the format, or a stream; None for a new file in the current folder.
        columns: pictures in a row; None for a grid as square as possible.
        step: called after each picture.

    Raises:
        PokeganError: a prompt, the bundle or `out` cannot be used, or the grid would be too large; nothing is written.
    """
    from pgen.images.grid import draw_grid
    from pgen.jobs.autobatch import resolve_batch

    if columns is not None and (columns := integer("columns", columns)) < 1:
        raise RequestInvalid(f"columns {columns}: must be from 1")
    requests = list(islice(job.requests, MAX_GRID + 1))
    if not requests:
        raise RequestInvalid("no picture was requested; give at least one prompt")
    if len(requests) > MAX_GRID:
        raise OutputTooLarge(f"a grid has at most {MAX_GRID:,} pictures")
    out = Path(out) if isinstance(out, str) else out
    out = out or unused_path(Path(Namer()(requests[0], f"grid.{job.postprocess.format}")))
    postprocess = _with_format(job.postprocess, out)
    generator = job.generator()
    began = perf_counter()
    batch = resolve_batch(job.batch, generator, requests)
    sheet = draw_grid(generator, requests, postprocess, columns, batch, step)
    backend = generator.backend(generator.find(requests[0].model))
    fields = grid_fields(requests, columns, generator.bundle, postprocess, backend)
    file = put(out, encode(sheet, postprocess.format, fields))
    model, cost = model_name(requests[0], generator.bundle), 1e3 * (perf_counter() - began)
    return WrittenGrid(file, requests, model, cost, dict(generator.encoder.notes), backend)


def write_pictures(job: Job, folder: str | Path) -> Generator[Written, None, None]:
    """Write every picture of `job` into `folder`, as files or as shards, in order, while the next are generated.

    Memory use is constant, except that the executor "ray" holds all prompts. What was yielded is complete and stays,
    whatever happens later; with `job.resume`, finished files are neither written nor yielded.

    Raises:
        PokeganError: a prompt, the bundle or `folder` cannot be used; or `folder` already has shards or, with
            `job.resume`, pictures of another bundle or with other settings.
        Interrupted: Ctrl-C, a KeyboardInterrupt; it has the files that were written, from the one yielded last.
    """
    folder = Path(folder)
    is_new = not os.path.exists(folder)  # noqa: PTH110 (pathlib's raises where the name is too long)
    check_folder(folder)
    if job.shards is not None and not job.resume:
        from pgen.jobs.shards import check_no_shards

        check_no_shards(folder)
    if job.executor == "ray":
        from pgen.jobs.ray import write_on_cluster as run
    else:
        from pgen.jobs.local import write_locally as run
    try:
        yield from run(job, folder)
    except BaseException:
        if is_new:
            with suppress(OSError):  # it has files
                folder.rmdir()
        raise


def _with_format(postprocess: Postprocess, out: Path | BinaryIO) -> Postprocess:
    """Check that `out` can be written, and take the format from the extension if `out` is a file.

    Raises:
        OutputInvalid: it cannot be written.
    """
    if not isinstance(out, Path):
        return postprocess
    return replace(postprocess, format=check_file(out, FORMATS, postprocess.format))


def put(out: Path | BinaryIO, content: bytes) -> Path:
    """Write `content` to a file, atomically, or to an open stream; return the file, "-" for a stream.

    Raises:
        OutputInvalid: see :func:`pgen.images.naming.write`.
    """
    if isinstance(out, Path):
        write(out, content)
        return out
    out.write(content)
    out.flush()
    return Path("-")
