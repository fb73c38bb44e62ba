"""Commands that read saved results: show, compare, history."""

import json
from pathlib import Path
from typing import Any

import click

from pgen.commands.options import PATH
from pokegan.cli import Command, FiniteRange


def print_result(result: dict[str, Any], form: str | None, plot: Path | None) -> None:
    """Print a result as `form`, "json", "markdown" or None for tables, and write its figure to `plot` if given."""
    from pgbench.reporting import render
    from pgbench.reporting.tables import notes, tables

    if form == "json":
        click.echo(json.dumps(result, indent=1))
    elif form == "markdown":
        click.echo(render.markdown(tables(result), notes(result)))
    else:
        render.show(tables(result), notes(result))
    if plot:
        from pgbench.reporting import plot as figures

        click.echo(figures.plot(result, plot), err=True)


@click.command(cls=Command)
@click.argument("result", type=PATH, metavar="FILE.json")
@click.option("--plot", type=PATH, help="write a figure to this .png file")
@click.option("--markdown", "form", flag_value="markdown", help="print Markdown instead of tables")
def show(result: Path, plot: Path | None, form: str | None) -> None:
    """Print a saved result as tables or Markdown, or plot it."""
    from pgbench.reporting.files import check_place, read

    print_result(read(result), form, plot and check_place(plot))


@click.command(cls=Command)
@click.argument("first", type=PATH, metavar="A.json")
@click.argument("second", type=PATH, metavar="B.json")
@click.option(
    "--threshold",
    type=FiniteRange(1),
    default=1.1,
    show_default=True,
    help="ratio of times above which a row counts as slower",
)
@click.option("--relative", is_flag=True, help="compare ratios over the other backends, not times")
@click.pass_context
def compare(ctx: click.Context, first: Path, second: Path, threshold: float, relative: bool) -> None:
    """Compare two results.

    The exit code is 1 if B is slower than A, lacks a row of A or generates other pictures. A row is
    slower if its whole 95 % interval lies beyond the threshold.
    """
    from pgbench.reporting import compare as comparison
    from pgbench.reporting import render
    from pgbench.reporting.files import read

    older, newer = read(first), read(second)
    changes = comparison.compare(older, newer, threshold, relative)
    lost = list(comparison.losses(older, newer, relative))
    render.show([comparison.table(changes, threshold)], [*lost, *comparison.differences(older, newer)])
    ctx.exit(int(bool(lost) or any(change.worse for change in changes)))


@click.command(cls=Command)
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--markdown", "as_markdown", is_flag=True, help="print Markdown instead of a table")
def history(folder: Path, as_markdown: bool) -> None:
    """Tabulate the medians of all results in a folder, oldest first."""
    from pgbench.reporting import compare as comparison
    from pgbench.reporting import render

    medians = comparison.history(folder)
    if as_markdown:
        click.echo(render.markdown([medians], []))
    else:
        render.show([medians], [])
