"""Commands on results that there are: show, compare, history."""

import json
from pathlib import Path
from typing import Any

import click

from pgen.commands.options import PATH
from pokegan.cli import Command, FiniteRange


def print_result(result: dict[str, Any], form: str | None, plot: Path | None) -> None:
    """Print a result as `form` says, "json", "markdown" or None for tables, and draw it where that is asked for."""
    from pgbench.reporting.render import markdown
    from pgbench.reporting.render import show as show_tables
    from pgbench.reporting.tables import notes, tables

    if form == "json":
        click.echo(json.dumps(result, indent=1))
    elif form == "markdown":
        click.echo(markdown(tables(result), notes(result)))
    else:
        show_tables(tables(result), notes(result))
    if plot:
        from pgbench.reporting.plot import plot as write_plot

        click.echo(write_plot(result, plot), err=True)


@click.command(cls=Command)
@click.argument("result", type=PATH, metavar="FILE.json")
@click.option("--plot", type=PATH, help="write a figure to this .png file")
@click.option("--markdown", "form", flag_value="markdown", help="print Markdown instead of tables")
def show(result: Path, plot: Path | None, form: str | None) -> None:
    """Show a result again: its tables, as Markdown, as a figure."""
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
    """Compare two results; exits with 1 where B is slower than A, lacks a row of it or draws other pictures.

    Slower is what lies beyond the threshold with its whole 95 % interval.
    """
    from pgbench.reporting.compare import compare as compared
    from pgbench.reporting.compare import differences, losses, table
    from pgbench.reporting.files import read
    from pgbench.reporting.render import show as show_tables

    older, newer = read(first), read(second)
    changes = compared(older, newer, threshold, relative)
    lost = list(losses(older, newer, relative))
    show_tables([table(changes, threshold)], [*lost, *differences(older, newer)])
    ctx.exit(int(bool(lost) or any(change.worse for change in changes)))


@click.command(cls=Command)
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--markdown", "as_markdown", is_flag=True, help="print Markdown instead of a table")
def history(folder: Path, as_markdown: bool) -> None:
    """Lay out the medians of all results in a folder, oldest first."""
    from pgbench.reporting.compare import history as laid_out
    from pgbench.reporting.render import markdown
    from pgbench.reporting.render import show as show_tables

    medians = laid_out(folder)
    if as_markdown:
        click.echo(markdown([medians], []))
    else:
        show_tables([medians], [])
