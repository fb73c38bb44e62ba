"""``pgen reproduce`` and ``pgen variations``: pictures from the metadata of a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgen.commands.options import PATH, device_options, job_options, report_options, variation_seed_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Destination, Reporter


@click.command("reproduce", cls=Command)
@click.argument("file", type=PATH)
@click.option(
    "--out",
    metavar="FILE",
    type=PATH,
    help="write to this file; - is stdout  [default: FILE.again.png, in this folder]",
)
@device_options
@report_options
def reproduce(file: Path, out: Path | None, reporter: "Reporter", bundle: Path, **settings: Any) -> None:
    """Reproduce a picture, card or sprite, pixel by pixel.

    FILE was written by pgen, also a grid or the sheet of a line, and its metadata say how; - is stdin. The bundle must
    be the one that generated it. On the same provider the pixels are equal; on another, they are within the tolerances
    of the bundle's manifest or of bf16. If the file names another provider, or another version of it, a line on stderr
    says so.
    """
    from pgen.bundle.reader import open_bundle
    from pgen.commands.output import STDOUT, Destination, stdin_as_file, write_job
    from pgen.images.metadata import read_metadata
    from pgen.images.naming import unused_path
    from pgen.jobs.job import Job
    from pgen.jobs.reproduction import is_fixed, other_backend

    name = Path("stdin") if file == STDOUT else file
    with stdin_as_file(file) as path:
        if is_fixed(path):
            out = out or unused_path(Path(f"{name.stem}.again{_extension(name, 'png')}"))
            note = _redraw(path, out, bundle, reporter, **settings)
        else:
            metadata = read_metadata(path, open_bundle(bundle))
            out = out or unused_path(Path(f"{name.stem}.again{_extension(name, metadata.postprocess.format)}"))
            destination = Destination(out, grid=metadata.grid, columns=metadata.columns)
            job = Job(metadata.requests, metadata.postprocess, bundle=bundle, **settings)
            written = write_job(job, destination, reporter, len(metadata.requests))
            note = other_backend(metadata.backend, written.backend) if written else ""
    if note and not reporter.quiet:
        click.echo(f"{name}: {note}", err=True)


def _extension(name: Path, format: str) -> str:
    """Return the extension of a file if it fits its format, such as .jpg, and otherwise the usual one."""
    return name.suffix if name.suffix.lower().replace("jpg", "jpeg") == f".{format}" else f".{format}"


def _redraw(path: Path, out: Path, bundle: Path, reporter: "Reporter", device: str, threads: int) -> str:
    """Write a card, a sheet or a sprite again to `out`; return a note, if another backend drew it."""
    from pgen.commands.output import open_target
    from pgen.images.model import PictureModel
    from pgen.jobs.reproduction import redraw_file

    target, reporter = open_target(out, reporter), reporter.for_device(device)
    redrawn = redraw_file(PictureModel.open(bundle, device, threads), path, target)
    reporter.report(redrawn)
    return redrawn.note


@click.command("variations", cls=Command)
@click.argument("file", type=PATH)
@variation_seed_options
@job_options
def variations(
    file: Path,
    seeds: dict[str, Any],
    destination: "Destination",
    reporter: "Reporter",
    bundle: Path,
    **settings: Any,
) -> None:
    """Generate the prompt of a picture with other seeds.

    FILE is a picture that pgen wrote, and - is stdin; all settings are taken from it.
    """
    from pgen.bundle.reader import open_bundle
    from pgen.commands.output import stdin_as_file, write_job
    from pgen.images.variations import variation_requests
    from pgen.jobs.job import Job

    with stdin_as_file(file) as path:
        requests = variation_requests(path, open_bundle(bundle), **seeds)
    write_job(Job(requests, bundle=bundle, **settings), destination, reporter, len(requests))
