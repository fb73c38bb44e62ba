"""What ``pgen morph`` does, from Python."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from pgen.api import DEFAULT_BATCH, load
from pgen.bundle.reader import EMBEDDED
from pgen.images.animation import FILMS, check_film, film
from pgen.images.metadata import model_name
from pgen.images.naming import Namer, check_file, free, write
from pgen.images.postprocess import TRANSPARENT, Finish
from pgen.morph.interpolation import morph
from pgen.request import Request


@dataclass(frozen=True)
class MorphJob:
    """A film to make: from one request to another of the same model, at `fps` frames a second.

    The other fields are those of :class:`pgen.Job`; `finish.format` is not used, and `loop` leads back to the start.
    """

    start: Request
    end: Request
    frames: int = 48
    loop: bool = False
    fps: int = 24
    finish: Finish = field(default_factory=Finish)
    batch: int = DEFAULT_BATCH
    bundle: str | Path = EMBEDDED
    device: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class WrittenMorph:
    """A film that was written, and the milliseconds from its first frame to the file."""

    file: Path
    job: MorphJob
    model: str
    milliseconds: float

    def described(self) -> dict[str, Any]:
        """Tell both ends and the model, ready for JSON."""
        ends = {name: {"prompt": end.prompt, "seed": end.seed} for name, end in self._ends().items()}
        return ends | {"frames": self.job.frames, "model": self.model}

    def _ends(self) -> dict[str, Request]:
        return {"from": self.job.start, "to": self.job.end}


def write_morph(job: MorphJob, out: str | Path | None = None, step: Callable[[], object] = int) -> WrittenMorph:
    """Write a morph to a .gif, .webp or .mp4.

    Args:
        job: what to draw.
        out: a file, whose extension tells the format; None for a new GIF in the current folder.
        step: called after each frame.

    Raises:
        PokeganError: a prompt, the bundle or `out` cannot be used, or the film would be too large; nothing is written.
    """
    out = Path(out or free(Path(Namer()(job.start, f"to.{Namer()(job.end, 'gif')}"))))
    format = check_file(out, FILMS)
    generator = load(job.bundle, job.device, job.threads)
    model = generator.find(job.start.model)
    check_film(format, job.frames, job.finish.size or generator.size(model, job.start.stage), job.fps)
    finish = job.finish
    if format == "mp4" and finish.background == TRANSPARENT:
        finish = replace(finish, background="white")  # H.264 knows no transparency

    def images() -> Iterator[Image.Image]:
        for pixels in morph(generator, job.start, job.end, job.frames, job.loop, job.batch):
            yield finish.apply(pixels)
            step()

    began = perf_counter()
    write(out, film(images(), format, job.fps))
    return WrittenMorph(out, job, model_name(job.start, generator.bundle), 1e3 * (perf_counter() - began))
