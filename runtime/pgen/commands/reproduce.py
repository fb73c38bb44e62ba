"""``pgen reproduce``: the same pixels again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import FOLDER, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner


@click.command("reproduce", cls=Command)
@click.argument("file", type=FOLDER)
@click.option(
    "--out", metavar="FILE", type=FOLDER, help="write here; - is stdout  [default: FILE.again.png, in this folder]"
)
@where
@telling
def reproduce(file: Path, out: Path | None, manner: "Manner", bundle: Path | None, **settings: Any) -> None:
    """Make a picture or a grid again, pixel by pixel.

    The facts are in the file, which pgen wrote, with the bundle that is used now; another is refused. On the same
    provider the pixels are the same; on another, within the tolerances of the bundle's manifest or of bf16.
    """
    from pgen.bundle.reader import EMBEDDED
    from pgen.commands.output import Place, write_job
    from pgen.images.naming import free
    from pgen.images.reproduce import job_again

    job, made = job_again(file, bundle or EMBEDDED, **settings)
    out = out or free(Path(f"{file.stem}.again.{made.finish.format}"))
    write_job(job, Place(out, grid=made.grid, columns=made.columns), manner, len(made.requests))
