"""``pgen morph``: an animation from one picture to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import (
    PATH,
    SEED,
    background_option,
    batch_option,
    device_options,
    report_options,
    resample_option,
    sampling_options,
    size_option,
)
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Reporter
    from pgen.request import Request


@click.command("morph", cls=Command)
@click.argument("start", required=False, default="")
@click.argument("end", required=False, default="")
@click.option(
    "--frames",
    type=click.IntRange(2, 10_000),
    default=48,
    show_default=True,
    help="number of frames, first and last included",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="seed of the first picture")
@click.option("--to-seed", type=SEED, help="seed of the last picture  [default: the same]")
@click.option("--loop", is_flag=True, help="return to the first picture, so that the animation can repeat")
@click.option("--fps", type=click.IntRange(1, 50), default=24, show_default=True, help="frames per second")
@sampling_options
@size_option
@resample_option
@background_option
@click.option(
    "--out", metavar="FILE", type=PATH, help="a .gif, .webp or .mp4  [default: a new GIF in the current folder]"
)
@batch_option
@device_options
@report_options
def morph(
    start: str,
    end: str,
    seed: int,
    to_seed: int | None,
    template: "Request",
    size: int | None,
    resample: str | None,
    background: str,
    out: Path | None,
    reporter: "Reporter",
    **settings: Any,
) -> None:
    """Generate an animation from the prompt START to END.

    Latents are interpolated spherically, text embeddings linearly. A --model that reads no text takes two seeds
    instead of prompts. MP4 needs the extra "video" and has no transparency: --background defaults to white.
    """
    if not end and (start or (to_seed is None and template.model is None)):
        missing = "END is" if start else "START and END are"
        raise click.UsageError(f'{missing} missing: write two names or sentences, such as "Charizard" "Blastoise"')
    from pgen.images.postprocess import Postprocess
    from pgen.morph.interpolation import morph_ends
    from pgen.morph.job import MorphJob, write_morph
    from pokegan.progress import progress

    ends = morph_ends(start, end, seed, to_seed, template)
    postprocess = Postprocess(size, resample, background)
    job = MorphJob(*ends, postprocess=postprocess, **settings)
    with progress(job.frames, shown=not reporter.quiet, unit="frames") as step:
        reporter.for_device(job.device).report(write_morph(job, out, step))
