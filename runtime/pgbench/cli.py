"""The command line of pgbench: parse, call, print."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from pgen.cli import BUILD_HINTS
from pgen.commands.options import PATH, device_options
from pokegan.cli import FiniteRange, Hint, LazyGroup, version_option

PLACES = {
    "show": "pgbench.commands:show",
    "compare": "pgbench.commands:compare",
    "history": "pgbench.commands:history",
}

QUICK = {"batches": (1, 8), "seconds": 0.5, "rounds": 3}
"""The defaults of --quick."""

DEFAULT = click.core.ParameterSource.DEFAULT

HINTS: dict[str, Hint] = BUILD_HINTS | {
    "backend_unknown": "--vs lists backends",
    "device_unavailable": "--device and --vs choose devices; pgen doctor shows what works here",
    "bundle_not_found": "--bundle chooses the bundle",
}
"""Hints that the command line adds to error messages, by the errors' codes."""


class Batches(click.ParamType[tuple[int, ...]]):
    """A list of batch sizes such as 1,8,64."""

    name = "batches"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse the list; a default that is a tuple already is kept."""
        if isinstance(value, tuple):
            return value
        try:
            batches = tuple(dict.fromkeys(int(part) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r} must be a list of numbers such as 1,8,64", param, ctx)
        if min(batches) < 1:
            self.fail(f"{min(batches)} must be at least 1", param, ctx)
        return batches


@click.group(cls=LazyGroup, places=PLACES, hints=HINTS, invoke_without_command=True)
@click.option("--batch", "batches", type=Batches(), default="64", show_default=True, help="batch sizes, such as 1,8,64")
@device_options
@click.option("--model", help="name of a model in the bundle  [default: the text-to-image model]")
@click.option("--precision", type=click.Choice(["fp32", "fp16", "bf16", "int8"]), help="fail in any other precision")
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
@click.option("--time-limit", type=FiniteRange(1), metavar="SECONDS", help="stop after this time, keep complete rows")
@click.option("--cold", is_flag=True, help="measure cold starts too: process start to first picture")
@click.option("--limit", is_flag=True, help="roofline: count operations and bytes, measure the machine's peak rates")
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
    """Measure the latency and throughput of encoder, generator, PNG and the whole pipeline, and compare backends.

    Backends are measured in turn, so that background load affects all of them. Results have 95 % confidence intervals.
    Ctrl-C and SIGTERM stop the measurements and keep the complete rows.
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
