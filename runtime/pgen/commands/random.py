"""``pgen random``: pictures without prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import job_options, sampling_options, seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgen.commands.output import Destination, Reporter
    from pgen.request import Request


@click.command("random", cls=Command)
@seed_options
@sampling_options
@job_options
def random(
    seeds: "Sequence[int]",
    template: "Request",
    destination: "Destination",
    reporter: "Reporter",
    bundle: Path,
    **settings: Any,
) -> None:
    """Generate pictures without prompts, one per seed.

    With a --model that reads text (stackgan), seeds pick known names; other models (dcgan, wgan) use only the seed.
    The default is the first model of the bundle that reads no text, or else the text-to-image model.
    """
    from pgen.bundle.reader import open_bundle
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.random_prompts import random_requests

    requests = random_requests(open_bundle(bundle), seeds, template)
    write_job(Job(requests, bundle=bundle, **settings), destination, reporter, len(seeds))
