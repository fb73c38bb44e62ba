"""``pgen variations``: a picture's prompt and settings with other seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import FOLDER, at_scale, finished, placed, seeded, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner, Place


@click.command("variations", cls=Command)
@click.argument("file", type=FOLDER)
@seeded(n="8", seed="the one after the file's")
@finished
@placed
@at_scale
@where
@telling
def variations(
    file: Path,
    n: int | None,
    seed: int | None,
    seeds: str | None,
    place: "Place",
    manner: "Manner",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Draw the prompt of a picture with other seeds.

    FILE is a picture that pgen wrote. Model, truncation and stage are those that it was made with.
    """
    from pgen.bundle.reader import EMBEDDED, open_bundle
    from pgen.commands.output import write_job
    from pgen.images.metadata import variation_requests
    from pgen.jobs.job import Job

    folder = bundle or EMBEDDED
    wanted = variation_requests(file, open_bundle(folder), n, seed, seeds)
    write_job(Job(wanted, bundle=folder, **settings), place, manner, len(wanted))
