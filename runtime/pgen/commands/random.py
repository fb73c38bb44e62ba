"""``pgen random``: pictures without prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import at_scale, finished, placed, seeded, styled, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner, Place
    from pgen.request import Request


@click.command("random", cls=Command)
@seeded()
@styled
@finished
@placed
@at_scale
@where
@telling
def random(
    n: int | None,
    seed: int | None,
    seeds: str | None,
    like: "Request",
    place: "Place",
    manner: "Manner",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Draw pictures without prompts, one a seed.

    A --model that reads text (stackgan) draws known names, which the seeds pick; others (dcgan, wgan) draw from the
    seed alone. Without --model it is the first of the bundle that reads no text, or else the one that does.
    """
    from pgen.bundle.reader import EMBEDDED, open_bundle
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.random_prompts import random_requests
    from pgen.request import choose_seeds

    folder, chosen = bundle or EMBEDDED, choose_seeds(n, seed, seeds)
    wanted = random_requests(open_bundle(folder), chosen, like)
    write_job(Job(wanted, bundle=folder, **settings), place, manner, len(chosen))
