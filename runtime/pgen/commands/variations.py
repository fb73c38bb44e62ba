"""``pgen variations``: the prompt and settings of a picture with other seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import PATH, job_options, seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Destination, Reporter


@click.command("variations", cls=Command)
@click.argument("file", type=PATH)
@seed_options(n="8", seed="the one after the file's")
@job_options
def variations(
    file: Path,
    n: int | None,
    seed: int | None,
    seeds: str | None,
    destination: "Destination",
    reporter: "Reporter",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Generate the prompt of a picture with other seeds.

    FILE is a picture that pgen wrote, and - is stdin; all settings are taken from it.
    """
    from pgen.bundle.reader import EMBEDDED, open_bundle
    from pgen.commands.output import stdin_as_file, write_job
    from pgen.images.reproduce import variation_requests
    from pgen.jobs.job import Job

    folder = bundle or EMBEDDED
    with stdin_as_file(file) as path:
        requests = variation_requests(path, open_bundle(folder), n, seed, seeds)
    write_job(Job(requests, bundle=folder, **settings), destination, reporter, len(requests))
