"""``pgen stats``: rows of stats, types and rarity."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgen.commands.options import PATH, SEED, device_options, filter_options
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.stats.rows import RowFilter

STDOUT = Path("-")


@click.command("stats", cls=Command)
@click.option("-n", "n", type=click.IntRange(1, 10**9), default=10, show_default=True, help="number of rows")
@click.option("--seed", type=SEED, default=0, show_default=True, help="seed of the first row; seeds count up")
@filter_options
@click.option(
    "--format",
    type=click.Choice(("table", "csv", "json", "jsonl", "parquet")),
    help="format of the rows  [default: by the extension of --out; table on stdout]",
)
@click.option("--out", metavar="FILE", type=PATH, default=STDOUT, help="write to this file  [default: stdout]")
@device_options
@click.option("--quiet", "-q", is_flag=True, help="print nothing but rows and errors")
def stats(
    n: int,
    seed: int,
    filter: "RowFilter",
    format: str | None,
    out: Path,
    bundle: Path,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Generate stats, types and rarity of Pokémon.

    A row has six stats, their total, one or two types and a rarity. Every row is valid and satisfies the options: a
    total is met exactly. A row depends on its seed and on these options, not on the number of rows. Rows are written
    as they are generated, so that memory use is constant.
    """
    from pgen.images.model import PictureModel
    from pgen.stats.job import write_stats
    from pokegan.files import is_stdout
    from pokegan.progress import progress

    to_stdout = out == STDOUT
    if to_stdout and sys.stdout is None:
        raise click.UsageError("stdout is closed; use --out FILE")
    if to_stdout and format == "parquet" and sys.stdout.isatty():
        raise click.UsageError("parquet cannot be shown on a terminal: use --out FILE, or pipe it")
    generator = PictureModel.open(bundle, device, threads)
    with progress(n, shown=not quiet and not (to_stdout and sys.stdout.isatty()), unit="rows") as step:
        write_stats(generator, sys.stdout.buffer if to_stdout else out, n, seed, filter, format, step)
    if not (to_stdout or quiet or is_stdout(out)):
        click.echo(out)
