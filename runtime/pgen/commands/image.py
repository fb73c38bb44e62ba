"""``pgen image``: pictures from prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import FOLDER, at_scale, finished, placed, seeded, styled, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner, Place
    from pgen.request import Request


@click.command("image", cls=Command)
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@click.option("--file", "-f", "file", type=FOLDER, help="read more prompts from this file, one a line; - is stdin")
@seeded()
@styled
@finished
@placed
@at_scale
@where
@telling
def image(
    prompts: tuple[str, ...],
    file: Path | None,
    n: int | None,
    seed: int | None,
    seeds: str | None,
    like: "Request",
    place: "Place",
    manner: "Manner",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Draw pictures of names or sentences.

    A PROMPT is a name or a description, such as "Charizard" or "a red fire dragon"; the PROMPT - reads one a line
    from stdin. -n, --seed and --seeds are for each of them. The same prompt and seed give the same picture,
    whatever the batch. Without --out and --out-dir, files go into the current folder.
    """
    from pgen.bundle.reader import EMBEDDED
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.prompts import read_prompts
    from pgen.request import choose_seeds, requests

    named, count = read_prompts(prompts, file)
    chosen = choose_seeds(n, seed, seeds)
    job = Job(requests(named, chosen, like), bundle=bundle or EMBEDDED, **settings)
    write_job(job, place, manner, None if count is None else count * len(chosen))
