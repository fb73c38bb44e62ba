"""``pgen fuse``: one picture of several parents."""

from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import job_options, sampling_options, seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgen.commands.output import Destination, Reporter
    from pgen.request import Request


@click.command("fuse", cls=Command)
@click.argument("parents", nargs=-1, metavar="PARENT PARENT...")
@seed_options
@sampling_options
@job_options
def fuse(
    parents: tuple[str, ...],
    seeds: "Sequence[int]",
    template: "Request",
    destination: "Destination",
    reporter: "Reporter",
    **settings: Any,
) -> None:
    """Generate fusions of two or more parents.

    A PARENT is a name or a description. The seed chooses which two parents give which parts of the body, and which one
    the colors; the other order of the parents gives another picture. A new name, blended from theirs, is in the
    metadata and in --json.
    """
    from pgen.commands.output import write_job
    from pgen.jobs.job import Job
    from pgen.prompts import check_prompt
    from pgen.request import fusion_requests

    requests = fusion_requests(map(check_prompt, parents), seeds, template)
    write_job(Job(requests, **settings), destination, reporter, len(seeds))
