"""``pgen image``: pictures from prompts."""

from pathlib import Path
from typing import Any

import click

from pgen.options import FOLDER, where
from pokegan.cli import Command


@click.command("image", cls=Command)
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@click.option("--out", type=FOLDER, help="write one picture, or the grid, to this .png or .webp")
@click.option("--out-dir", type=FOLDER, help="write each picture into this folder, named by prompt and seed")
@click.option("-n", "count", type=click.IntRange(1), default=1, show_default=True, help="pictures a prompt")
@click.option(
    "--seed", type=click.IntRange(0, 2**63), default=0, show_default=True, help="of the first picture; the next add 1"
)
@click.option("--grid", is_flag=True, help="lay all pictures out in one, written to --out")
@click.option("--columns", type=click.IntRange(1), help="pictures in a row of the grid  [default: as square as can be]")
@click.option("--size", type=click.IntRange(8, 4096), help="pixels a side  [default: the model's]")
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="pictures generated at once")
@where
def image(prompts: tuple[str, ...], out: Path | None, out_dir: Path | None, grid: bool, **settings: Any) -> None:
    """Draw pictures of names or sentences.

    A PROMPT is a name or a description, such as "Charizard" or "a red fire dragon". The same prompt and
    seed give the same picture, whatever the batch.
    """
    single = len(prompts) * settings["count"] == 1 or grid
    if (out is None) == (out_dir is None):
        raise click.UsageError("say where to write: --out FILE for one picture or a grid, or --out-dir DIR")
    if grid and out is None:
        raise click.UsageError("--grid is written to --out FILE")
    if out is not None and not single:
        raise click.UsageError("several pictures do not fit one file: add --grid, or use --out-dir DIR")
    from pgen.jobs import ImageJob, write_one, write_pictures

    job = ImageJob(prompts=prompts, **settings)
    written = [write_one(job, out, as_grid=grid)] if out else write_pictures(job, out_dir or Path())
    for path in written:
        click.echo(path)
