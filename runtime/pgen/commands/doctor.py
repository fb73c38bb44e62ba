"""``pgen doctor``: what is wrong with this installation."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.doctor import Finding

COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


@click.command("doctor", cls=Command)
@click.option("--bundle", type=click.Path(path_type=Path), help="folder of a bundle  [default: the one with pgen]")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def doctor(bundle: Path | None, as_json: bool) -> None:
    """Tell what works here, what does not, and what to do.

    Exits with 1 if something that is installed does not work; a device that is not there is no fault.
    """
    from pgen.doctor import examine, healthy

    findings = examine(bundle)
    if as_json:
        told = {"healthy": healthy(findings), "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        _show(findings)
    sys.exit(0 if healthy(findings) else 1)


def _show(findings: "list[Finding]") -> None:
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            click.echo(click.style(topic, bold=True))
        state = click.style(f"{finding.state:5}", fg=COLOURS[finding.state])
        click.echo(f"  {state}  {finding.name}: {finding.found}")
        if finding.mend:
            click.echo(f"         {finding.mend}")
