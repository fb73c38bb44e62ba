"""Jobs: what to generate and where it runs; tasks, the files of a job; and what was written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgen.bundle.reader import EMBEDDED, Bundle
from pgen.errors import RequestInvalid
from pgen.images.encoders import encode
from pgen.images.metadata import describe_request, drawing_model, picture_fields
from pgen.images.model import DEFAULT_BATCH, Picture, PictureModel
from pgen.images.naming import Namer
from pgen.images.postprocess import Postprocess
from pgen.request import Request, check_batch, check_threads, integer

EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Job:
    """Pictures to generate and write.

    Attributes:
        requests: the requests, in order; they may be generated lazily, and are iterated once.
        postprocess: size, background and format of the files.
        batch: pictures generated at once; "auto" measures which number is fastest.
        bundle: folder of the bundle.
        device: see pgen.backends.registry.device_names.
        threads: CPU threads; 0 is one a core.
        resume: skip the files that are finished.
        shards: pictures per WebDataset shard; None for one file per picture.
        executor: one of EXECUTORS: this process, or a Ray cluster.
    """

    requests: Iterable[Request]
    postprocess: Postprocess = field(default_factory=Postprocess)
    batch: int | str = DEFAULT_BATCH
    bundle: str | Path = EMBEDDED
    device: str = "auto"
    threads: int = 0
    resume: bool = False
    shards: int | None = None
    executor: str = "local"

    def __post_init__(self) -> None:
        """Check what needs no bundle, and convert integers of NumPy to Python's.

        Raises:
            RequestInvalid: batch, threads, shards or executor are invalid.
        """
        object.__setattr__(self, "threads", check_threads(self.threads))
        if self.batch != "auto":
            object.__setattr__(self, "batch", check_batch(self.batch))
        if self.shards is not None:
            object.__setattr__(self, "shards", integer("shards", self.shards))
            if self.shards < 1:
                raise RequestInvalid(f"shards {self.shards}: must be the number of pictures in each, from 1")
        if self.executor not in EXECUTORS:
            raise RequestInvalid(f"executor {self.executor}: choose {' or '.join(EXECUTORS)}")

    def generator(self) -> PictureModel:
        """Open the bundle."""
        return PictureModel.open(self.bundle, self.device, self.threads)

    def tasks(self) -> Iterator["Task"]:
        """Name the file of each request; in shards they are numbered, because equal requests need different names."""
        name, extension = Namer(), self.postprocess.format
        for index, request in enumerate(self.requests):
            yield Task(index, request, f"{index:09d}.{extension}" if self.shards else name(request, extension))


@dataclass(frozen=True)
class Task:
    """One picture of a job: its index in the job, its request, and the name of its file."""

    index: int
    request: Request
    name: str


@dataclass(frozen=True)
class Written:
    """A written file: the request of its picture, the model that generated it, and its cost in milliseconds.

    The cost is its share of the time of its batch, and the time to process, encode and write it. The notes are
    lines for the author of a text, by text, see :class:`pgen.text_encoder.TextEncoder`; usually there are none. The
    backend is as in :class:`pgen.images.model.Picture`.
    """

    file: Path
    request: Request
    model: str
    milliseconds: float
    notes: Mapping[str, str] = field(default_factory=dict)
    backend: str = ""

    def described(self) -> dict[str, Any]:
        """Describe the request, ready for JSON."""
        description = describe_request(self.request) | {"model": self.model}
        return description | ({"note": "; ".join(self.notes.values())} if self.notes else {})


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a job that wrote the files `finished`, of which at most the first was yielded."""

    def __init__(self, finished: Sequence[Written]) -> None:
        super().__init__()
        self.finished = finished


def render(picture: Picture, bundle: Bundle, postprocess: Postprocess) -> bytes:
    """Encode a picture as the content of its file; a pure function, safe in any thread."""
    fields = picture_fields(picture.request, bundle, postprocess, picture.backend)
    image = postprocess.for_model(drawing_model(picture.request, bundle)).apply(picture.pixels)
    return encode(image, postprocess.format, fields)
