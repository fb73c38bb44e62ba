"""The command line of pgbench: parse, call, print."""

import json
from pathlib import Path
from typing import Any

import click

from pgen.options import where
from pokegan.cli import Command, version_option


@click.command(cls=Command)
@click.option("--batch", type=click.IntRange(1), default=64, show_default=True, help="pictures at once")
@where
@click.option("--seconds", type=click.FloatRange(0), default=3.0, show_default=True, help="to measure each target")
@click.option("--torch/--no-torch", default=True, show_default=True, help="PyTorch eager beside it, where installed")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@version_option
def main(bundle: Path | None, as_json: bool, **settings: Any) -> None:
    """Measure latency and throughput of encoder, generator and both, warm-up excluded."""
    from pgbench.suite import Settings, run
    from pgen.bundle import EMBEDDED

    result = run(Settings(bundle=bundle or EMBEDDED, **settings))
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        from pgbench.report import show

        show(result)


if __name__ == "__main__":
    main()
