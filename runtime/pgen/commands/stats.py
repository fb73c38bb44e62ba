"""``pgen stats``: Pokémon as numbers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgen.commands.options import FOLDER, asking, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.stats.rows import Asked

STDOUT = Path("-")


@click.command("stats", cls=Command)
@click.option("-n", "n", type=click.IntRange(1, 10**9), default=10, show_default=True, help="how many rows")
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="of the first row; the next add 1"
)
@asking
@click.option(
    "--format",
    type=click.Choice(("table", "csv", "json", "parquet")),
    help="of the rows  [default: by the extension of --out; table on stdout]",
)
@click.option("--out", metavar="FILE", type=FOLDER, default=STDOUT, help="write to this file  [default: stdout]")
@where
@click.option("--quiet", "-q", is_flag=True, help="print nothing but rows and errors")
def stats(
    n: int,
    seed: int,
    asked: "Asked",
    format: str | None,
    out: Path,
    bundle: Path | None,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """Draw Pokémon as numbers: stats, types and rarity.

    A row has six stats, their total, one or two types and a rarity. Every row is valid and has what was asked: a total
    is met exactly. A row depends on its seed and on what was asked, not on how many rows there are. Rows are written as
    they are drawn, so that a million fit any memory.
    """
    from pgen.api import load
    from pgen.bundle.reader import EMBEDDED
    from pgen.stats.job import write_stats
    from pokegan.progress import progress

    to_stdout = out == STDOUT
    if to_stdout and sys.stdout is None:
        raise click.UsageError("stdout is closed; name a file with --out FILE")
    if to_stdout and format == "parquet" and sys.stdout.isatty():
        raise click.UsageError("parquet is for files and pipes: name a file with --out FILE")
    generator = load(bundle or EMBEDDED, device, threads)
    with progress(n, shown=not quiet and not (to_stdout and sys.stdout.isatty()), unit="rows") as step:
        write_stats(generator, sys.stdout.buffer if to_stdout else out, n, seed, asked, format, step)
    if not to_stdout and not quiet:
        click.echo(out)
