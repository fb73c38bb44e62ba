"""``pgen fuse``: one picture of several parents."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import job_options, sampling_options, seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Destination, Reporter
    from pgen.request import Request


@click.command("fuse", cls=Command)
@click.argument("parents", nargs=-1, metavar="PARENT PARENT...")
@seed_options()
@sampling_options
@job_options
def fuse(
    parents: tuple[str, ...],
    n: int | None,
    seed: int | None,
    seeds: str | None,
    template: "Request",
    destination: "Destination",
    reporter: "Reporter",
    bundle: Path | None,
    **settings: Any,
) -> None:
    """Generate fusions of two or more parents.

    A PARENT is a name or a description. The seed chooses which two parents give which parts of the body, and which one
    the colors; the other order of the parents gives another picture. A new name, blended from theirs, is in the
    metadata and in --json.
    """
    from pgen.bundle.reader import EMBEDDED
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.prompts import check_prompt
    from pgen.request import choose_seeds, fusion_requests

    chosen = choose_seeds(n, seed, seeds)
    requests = fusion_requests(map(check_prompt, parents), chosen, template)
    write_job(Job(requests, bundle=bundle or EMBEDDED, **settings), destination, reporter, len(chosen))
