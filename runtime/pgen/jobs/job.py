"""What the commands that draw do, from Python: requests to files."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from pgen.api import DEFAULT_BATCH, Generator, Picture, load
from pgen.bundle.reader import EMBEDDED, Bundle
from pgen.errors import RequestInvalid
from pgen.images.encoders import encode
from pgen.images.metadata import facts, model_name
from pgen.images.naming import check_file, write
from pgen.images.postprocess import FORMATS, Finish
from pgen.request import Request

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Job:
    """Pictures to make: which, how they are finished, and what runs where.

    Attributes:
        wanted: the requests, in order; they may come one by one and are gone through once.
        finish: size, background and format of the files.
        batch: pictures generated at once; "auto" chooses by measuring.
        bundle: folder of the bundle.
        device: see pgen.backends.registry.device_names.
        threads: CPU threads; 0 is one a core.
        resume: leave out what is finished in the folder.
        shards: pictures a WebDataset shard; None for a file each.
        engine: one of ENGINES: this machine, or a Ray cluster.
    """

    wanted: Iterable[Request]
    finish: Finish = field(default_factory=Finish)
    batch: int | str = DEFAULT_BATCH
    bundle: str | Path = EMBEDDED
    device: str = "auto"
    threads: int = 0
    resume: bool = False
    shards: int | None = None
    engine: str = "local"

    def generator(self) -> Generator:
        """Open the bundle."""
        return load(self.bundle, self.device, self.threads)


@dataclass(frozen=True)
class Written:
    """A file that was written: its picture's request, the model that drew it, and the milliseconds that it cost.

    Those are its share of its batch, and its own finishing, encoding and writing.
    """

    file: Path
    request: Request
    model: str
    milliseconds: float

    def described(self) -> dict[str, Any]:
        """Tell its request, ready for JSON."""
        return {"prompt": self.request.prompt, "seed": self.request.seed, "model": self.model}


def render(picture: Picture, bundle: Bundle, finish: Finish) -> bytes:
    """Turn a picture into the content of its file; a pure function, that any thread may run."""
    return encode(finish.apply(picture.pixels), finish.format, facts(picture.request, bundle, finish))


def write_one(job: Job, out: str | Path | BinaryIO) -> Written:
    """Write the only picture of `job` to a file, in the format of its extension, or to an open stream.

    Raises:
        RequestInvalid: there are several, or none.
        PokeganError: the prompt, the bundle or `out` cannot be used; nothing is written.
    """
    out = Path(out) if isinstance(out, str) else out
    finish = finish_for(job.finish, out)
    wanted = list(islice(job.wanted, 2))
    if len(wanted) > 1:
        raise RequestInvalid("several pictures do not fit one file: add --grid, or use --out-dir DIR")
    generator = job.generator()
    for picture in generator.stream(wanted):
        return _write(picture, generator.bundle, finish, out)
    raise RequestInvalid("no picture was asked for; give a prompt at least")


def finish_for(finish: Finish, out: Path | BinaryIO) -> Finish:
    """Check that `out` can be written, and take the format from its extension where it is a file.

    Raises:
        OutputInvalid: it cannot.
    """
    return replace(finish, format=check_file(out, FORMATS)) if isinstance(out, Path) else finish


def _write(picture: Picture, bundle: Bundle, finish: Finish, out: Path | BinaryIO) -> Written:
    began = perf_counter()
    file = put(out, render(picture, bundle, finish))
    cost = picture.milliseconds + 1e3 * (perf_counter() - began)
    return Written(file, picture.request, model_name(picture.request, bundle), cost)


def put(out: Path | BinaryIO, content: bytes) -> Path:
    """Write `content` to a file, whole or not at all, or to an open stream; return the file, "-" for a stream.

    Raises:
        OutputInvalid: see :func:`pgen.images.naming.write`.
    """
    if isinstance(out, Path):
        write(out, content)
        return out
    out.write(content)
    out.flush()
    return Path("-")
