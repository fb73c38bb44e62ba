"""``pgen image``: pictures from prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import PATH, job_options, sampling_options, seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgen.commands.output import Destination, Reporter
    from pgen.request import Request


@click.command("image", cls=Command)
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@click.option("--file", "-f", "file", type=PATH, help="read more prompts from this file, one a line; - is stdin")
@seed_options
@sampling_options
@job_options
def image(
    prompts: tuple[str, ...],
    file: Path | None,
    seeds: "Sequence[int]",
    template: "Request",
    destination: "Destination",
    reporter: "Reporter",
    **settings: Any,
) -> None:
    """Generate pictures from names or descriptions.

    A PROMPT is a name or a description, such as "Charizard" or "a red fire dragon"; the PROMPT - reads prompts from
    stdin, one a line. -n, --seed and --seeds apply to each prompt. Equal prompts and seeds give equal pictures,
    whatever the batch. Without --out and --out-dir, files are written into the current folder.
    """
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.prompts import read_prompts
    from pgen.request import requests

    texts, count = read_prompts(prompts, file)
    job = Job(requests(texts, seeds, template), **settings)
    write_job(job, destination, reporter, None if count is None else count * len(seeds))
