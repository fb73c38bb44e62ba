"""``pgtrain data``: look at a data set, or fetch the default one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pokegan.cli import Group

if TYPE_CHECKING:
    from pgtrain.data.inspect import Inspection

DATA_HELP = "folder of images, a parquet file, hf:OWNER/NAME or kaggle:OWNER/NAME"
CAPTION_COLUMN = click.Option(
    ["--caption-column"], help="column of the captions  [default: text, caption, prompt or another usual name]"
)
SHOWN = 5
"""Rows of each kind in the table; --json has all."""


@click.group(cls=Group)
def data_commands() -> None:
    """Inspect a data set, or fetch the default one."""


@data_commands.command(params=[CAPTION_COLUMN])
@click.argument("data", metavar="DATA")
@click.option("--sheet", type=click.Path(path_type=Path), help="also write a contact sheet here, as .png or .webp")
@click.option(
    "--background",
    type=click.Choice(["keep", "remove"]),
    default="keep",
    help="remove: show the sheet with plain backgrounds removed",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def inspect(data: str, sheet: Path | None, background: Any, caption_column: str | None, as_json: bool) -> None:
    """Describe the data set DATA.

    Counts its records and images, their sizes and modes, and names broken files and duplicates.

    DATA is a folder (with metadata.jsonl, pokedex.json, parquet files, class folders or plain images), a
    parquet file, hf:OWNER/NAME or kaggle:OWNER/NAME; or a .csv of stats.
    """
    import json
    from dataclasses import asdict

    from pgtrain.data.inspect import inspect_data, save_sheet
    from pgtrain.data.options import DataOptions
    from pgtrain.data.sources import read
    from pgtrain.data.stats_rows import describe_table, is_table
    from pokegan.progress import progress

    if is_table(data):
        table = describe_table(Path(data))
        click.echo(json.dumps(table, indent=1) if as_json else "\n".join(f"{k}: {_line(v)}" for k, v in table.items()))
        return
    collection = read(data, caption_column)
    with progress(len(collection.images), unit="images opened") as advance:
        report = inspect_data(collection, advance)
    if sheet:
        save_sheet(collection.images, sheet, DataOptions(background=background, resample=collection.resample))
    if as_json:
        click.echo(json.dumps(asdict(report), indent=1))
    else:
        _show(data, report)


@data_commands.command()
def fetch() -> None:
    """Fetch or check the default data set.

    Artwork, captions and stats are kept in the user's cache. Files come from Purukitto/pokemon-data.json and
    PokeAPI/pokeapi on GitHub. Each one's SHA-256 is recorded at its first download and verified from then on.
    """
    from pgtrain.data.sources import default

    click.echo(f"fetched {default.fetch()}")


@data_commands.command(hidden=True)  # for maintainers of pgen dex
@click.option("--data", required=True, help="data set, as pgtrain takes it")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="file to write")
def lexicon(data: str, out: Path) -> None:
    """Count the names, colors and shapes of a data set for pgen dex."""
    from pgtrain.data import sources
    from pgtrain.data.lexicon import as_json, learn

    out.write_text(as_json(learn(sources.read(data).records)), "utf-8")


def _line(value: Any) -> str:
    parts = [f"{key}: {content}" for key, content in value.items()] if isinstance(value, dict) else value
    return ", ".join(parts) or "none" if isinstance(parts, list | tuple) else str(parts)


def _show(data: str, report: "Inspection") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "count", "which")
    table.add_row("records", f"{report.records:,}", f"{report.names:,} names, {report.captions:,} with a text")
    table.add_row("images", f"{report.images:,}", f"digest {report.digest[:16]}")
    for what, counts in (("view", report.views), ("size", report.sizes), ("mode", report.modes)):
        for key, count in list(counts.items())[:SHOWN]:
            table.add_row(what, f"{count:,}", key)
        if len(counts) > SHOWN:
            table.add_row(what, f"{sum(list(counts.values())[SHOWN:]):,}", f"{len(counts) - SHOWN} others")
    table.add_row("broken", f"{len(report.broken):,}", "images that cannot be decoded")
    table.add_row("duplicates", f"{len(report.duplicates):,}", "groups of images with the same pixels")
    # Paths stand below the table, each on one line however narrow the terminal is.
    groups = [" = ".join(Path(path).name for path in paths) for paths in report.duplicates]
    more = [f"... and {len(groups) - SHOWN} more groups (--json lists them)"] if len(groups) > SHOWN else []
    console = Console()
    console.print(data, markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    layout = report.layout
    columns = [f"{field}: {column}" for field, column in layout.columns.items()]
    below = {
        "layout": [layout.name] if layout.name else [],
        "columns": [", ".join(columns)] if columns else [],
        "unused columns": [", ".join(layout.unused)] if layout.unused else [],
        "skipped": layout.skipped,
        "caption": report.examples,
        "broken": report.broken.values(),
        "duplicates": [*groups[:SHOWN], *more],
    }
    for what, lines in below.items():
        for line in lines:
            console.print(f"{what}: {line}", markup=False, highlight=False, soft_wrap=True)
