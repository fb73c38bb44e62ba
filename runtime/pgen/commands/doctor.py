"""``pgen doctor``: diagnose the installation."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.doctor import Finding

COLORS = {"ok": "green", "note": "yellow", "wrong": "red"}


@click.command("doctor", cls=Command)
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="folder of a bundle  [default: the one installed with pgen]"
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def doctor(bundle: Path | None, as_json: bool) -> None:
    """Diagnose the installation.

    Checks packages, devices, the bundle and caches, and prints how to fix what does not work. The exit code is 1 if
    something that is installed does not work; a missing device is not an error.
    """
    from pgen.doctor import examine, healthy

    findings = examine(bundle)
    if as_json:
        report = {"healthy": healthy(findings), "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _show(findings)
    sys.exit(0 if healthy(findings) else 1)


def _show(findings: "list[Finding]") -> None:
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            click.echo(click.style(topic, bold=True))
        state = click.style(f"{finding.state:5}", fg=COLORS[finding.state])
        click.echo(f"  {state}  {finding.name}: {finding.description}")
        if finding.remedy:
            click.echo(f"         {finding.remedy}")
