"""Morph jobs: animations from one request to another, written to files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from pgen.bundle.reader import EMBEDDED
from pgen.images.animation import ANIMATIONS, check_animation, encode_animation
from pgen.images.metadata import model_name
from pgen.images.model import DEFAULT_BATCH, PictureModel
from pgen.images.naming import Namer, check_file, unused_path, write
from pgen.images.postprocess import TRANSPARENT, Postprocess
from pgen.morph.interpolation import morph
from pgen.request import Request, integer


@dataclass(frozen=True)
class MorphJob:
    """An animation to generate: from one request to another of the same model, at `fps` frames per second.

    The other fields are those of :class:`pgen.Job`; `postprocess.format` is ignored, and `loop` returns to the start.
    """

    start: Request
    end: Request
    frames: int = 48
    loop: bool = False
    fps: int = 24
    postprocess: Postprocess = field(default_factory=Postprocess)
    batch: int = DEFAULT_BATCH
    bundle: str | Path = EMBEDDED
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        """Convert integers of NumPy to Python's.

        Raises:
            RequestInvalid: a number is not an integer.
        """
        for name in ("frames", "fps"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))


@dataclass(frozen=True)
class WrittenMorph:
    """A written animation, and the milliseconds that it took, and notes by prompt."""

    file: Path
    job: MorphJob
    model: str
    milliseconds: float
    notes: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Describe both ends and the model, ready for JSON."""
        requests = {"from": self.job.start, "to": self.job.end}
        ends = {name: {"prompt": end.prompt, "seed": end.seed} for name, end in requests.items()}
        return (
            ends | {"frames": self.job.frames, "model": self.model} | ({"notes": {**self.notes}} if self.notes else {})
        )


def write_morph(job: MorphJob, out: str | Path | None = None, step: Callable[[], object] = int) -> WrittenMorph:
    """Write a morph to a .gif, .webp or .mp4.

    Args:
        job: what to generate.
        out: a file, whose extension determines the format; None for a new GIF in the current folder.
        step: called after each frame.

    Raises:
        PokeganError: a prompt, the bundle or `out` cannot be used, or the animation is too large; nothing is written.
    """
    out = Path(out or unused_path(Path(Namer()(job.start, f"to.{Namer()(job.end, 'gif')}"))))
    format = check_file(out, ANIMATIONS)
    generator = PictureModel.open(job.bundle, job.device, job.threads)
    model = generator.find(job.start.model)
    check_animation(format, job.frames, job.postprocess.size or generator.size(model, job.start.stage), job.fps)
    postprocess = job.postprocess.for_model(model)
    if format == "mp4" and postprocess.background == TRANSPARENT:
        postprocess = replace(postprocess, background="white")  # H.264 has no transparency

    def images() -> Iterator[Image.Image]:
        for pixels in morph(generator, job.start, job.end, job.frames, job.loop, job.batch):
            yield postprocess.apply(pixels)
            step()

    began = perf_counter()
    write(out, encode_animation(images(), format, job.fps))
    cost = 1e3 * (perf_counter() - began)
    return WrittenMorph(out, job, model_name(job.start, generator.bundle), cost, dict(generator.encoder.notes))
