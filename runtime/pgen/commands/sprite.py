"""``pgen sprite``: files for games."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgen.commands.options import PATH, device_options, report_options, sampling_options, seed_options
from pokegan.cli import Command, keeps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgen.commands.output import Reporter
    from pgen.request import Request


@click.command("sprite", cls=Command)
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@click.option("--file", "-f", "file", type=PATH, help="read more prompts from this file, one a line; - is stdin")
@seed_options
@sampling_options
@click.option(
    "--format",
    type=click.Choice(("png", "pokeemerald", "essentials", "rpgmaker")),
    default="png",
    show_default=True,
    help="for which tool",
)
@click.option("--out-dir", metavar="DIR", type=PATH, default=Path(), help="folder of the game  [default: this folder]")
@device_options
@report_options
def sprite(
    prompts: tuple[str, ...],
    file: Path | None,
    seeds: "Sequence[int]",
    template: "Request",
    format: str,
    out_dir: Path,
    bundle: Path,
    device: str,
    threads: int,
    reporter: "Reporter",
) -> None:
    """Generate sprites for games from names or descriptions.

    Each has 15 colors and transparency at index 0, an icon, and JASC palettes of the usual and of the shiny colors,
    which all its files share. Prompts and seeds are those of pgen image.
    """
    from pgen.images.model import PictureModel
    from pgen.jobs.sprites import write_sprites
    from pgen.prompts import read_prompts
    from pgen.request import requests
    from pokegan.progress import progress

    texts, count = read_prompts(prompts, file)
    reporter = reporter.for_device(device)
    generator = PictureModel.open(bundle, device, threads)
    with progress(None if count is None else count * len(seeds), shown=not reporter.quiet) as step:
        keeps("finished files are kept")
        for written in write_sprites(generator, requests(texts, seeds, template), format, out_dir):
            reporter.report(written)
            step()
