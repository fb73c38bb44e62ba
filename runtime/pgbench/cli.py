"""The command line of pgbench: parse, call, print."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from pgbench.options import Batches
from pgen.commands.options import PATH, device_options
from pokegan.cli import FiniteRange, LazyGroup, version_option

PLACES = {
    "show": "pgbench.commands:show",
    "compare": "pgbench.commands:compare",
    "history": "pgbench.commands:history",
}


QUICK = {"batches": (1, 8), "seconds": 0.5, "rounds": 3}
"""What --quick changes of the options that are left at their defaults."""

DEFAULT = click.core.ParameterSource.DEFAULT

HINTS = {
    "backend_unknown": "--vs lists backends",
    "device_unavailable": "--device and --vs choose devices; pgen doctor shows what works here",
    "bundle_not_found": "--bundle chooses the bundle",
}
"""What the command line adds to messages, by the errors' codes."""


@click.group(cls=LazyGroup, places=PLACES, hints=HINTS, invoke_without_command=True)
@click.option("--batch", "batches", type=Batches(), default="64", show_default=True, help="pictures at once: 1,8,64")
@device_options
@click.option("--model", help="a model of the bundle, by name  [default: the one that draws from text]")
@click.option("--precision", type=click.Choice(["fp32", "fp16", "bf16", "int8"]), help="refuse any other arithmetic")
@click.option("--vs", "versus", default="", metavar="NAMES", help="other backends: torch,torch-compile,...; or all")
@click.option("--seconds", type=FiniteRange(0), default=3.0, show_default=True, help="seconds to measure each row")
@click.option(
    "--rounds",
    type=click.IntRange(2),
    default=10,
    show_default=True,
    help="number of rounds that --seconds are divided into",
)
@click.option("--quick", is_flag=True, help="a first look in under a minute: batches 1 and 8, 0.5 s a row, 3 rounds")
@click.option("--time-limit", type=FiniteRange(1), metavar="SECONDS", help="end after this time, with the rows so far")
@click.option("--cold", is_flag=True, help="measure cold starts too: process start to first picture")
@click.option("--limit", is_flag=True, help="count operations and bytes, measure what the machine can do")
@click.option("--out", type=PATH, help="write the result to this .json file")
@click.option("--plot", type=PATH, help="write a figure to this .png file")
@click.option("--json", "form", flag_value="json", help="print JSON instead of tables")
@click.option("--markdown", "form", flag_value="markdown", help="print Markdown instead of tables")
@version_option
@click.pass_context
def main(
    ctx: click.Context,
    /,
    bundle: Path,
    out: Path | None,
    plot: Path | None,
    form: str | None,
    quick: bool,
    **settings: Any,
) -> None:
    """Measure encoder, generator, PNG and all of it from end to end, beside other backends.

    Backends take turns, so that a busy machine costs them alike. Figures come with 95 % intervals. Ctrl-C and SIGTERM
    end the measurements and keep the rows that are complete.
    """
    if ctx.invoked_subcommand:
        return
    from pgbench.reporting.files import check_place, write_json
    from pgbench.suite import Settings, exit_code, run

    for place in (out, plot):
        if place:
            check_place(place)
    if plot:
        from pgbench.reporting.plot import check

        check()
    if quick:
        settings |= {name: value for name, value in QUICK.items() if ctx.get_parameter_source(name) is DEFAULT}
    result = run(Settings(bundle=bundle, **settings), _say, partial(click.echo, err=True))
    if out:
        write_json(out, result)
    from pgbench.commands import print_result

    print_result(result, form, plot)
    ctx.exit(exit_code(result["ended_by"]))


def _say(message: str) -> None:
    if sys.stderr.isatty():
        click.echo(message, err=True)


if __name__ == "__main__":
    main()
