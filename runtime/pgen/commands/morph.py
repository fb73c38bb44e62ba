"""``pgen morph``: a film from one picture to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import FOLDER, background, batch, resample, size, styled, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner
    from pgen.request import Request


@click.command("morph", cls=Command)
@click.argument("start", required=False, default="")
@click.argument("end", required=False, default="")
@click.option("--frames", type=click.IntRange(2, 10_000), default=48, show_default=True, help="both ends included")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="of the first picture")
@click.option("--to-seed", type=click.IntRange(0, 2**64 - 1), help="of the last picture  [default: the same]")
@click.option("--loop", is_flag=True, help="come back to the first picture, so that the film runs without end")
@click.option("--fps", type=click.IntRange(1, 50), default=24, show_default=True, help="frames a second")
@styled
@size
@resample
@background
@click.option(
    "--out", metavar="FILE", type=FOLDER, help="a .gif, .webp or .mp4  [default: a new GIF in the current folder]"
)
@batch
@where
@telling
def morph(
    start: str,
    end: str,
    seed: int,
    to_seed: int | None,
    like: "Request",
    size: int | None,
    resample: str,
    background: str,
    out: Path | None,
    manner: "Manner",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Draw the way from the prompt START to END as a film.

    Latents are interpolated spherically and texts linearly. A --model that reads no text takes no prompts, but two
    seeds. An MP4 needs the extra "video" and has no transparency: --background is white unless it is given.
    """
    from pgen.bundle.reader import EMBEDDED
    from pgen.images.postprocess import Finish
    from pgen.morph.interpolation import ends_of
    from pgen.morph.job import MorphJob, write_morph
    from pokegan.progress import progress

    finish = Finish(size, resample, background)
    job = MorphJob(*ends_of(start, end, seed, to_seed, like), finish=finish, bundle=bundle or EMBEDDED, **settings)
    with progress(job.frames, shown=not manner.quiet, unit="frames") as step:
        manner.on(job.device).tell(write_morph(job, out, step))
