"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgen.session import DEVICES

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)


def where(command: Command) -> Command:
    """Add the options that say which bundle runs where: ``--model``, ``--device`` and ``--threads``."""
    told = "auto: CUDA where it works, otherwise the CPU; engine: TensorRT, as built by pgexport --tensorrt"
    add = (
        click.option("--model", type=FOLDER, help="folder of a bundle  [default: the one installed with pgen]"),
        click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True, help=told),
        click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads  [default: one a core]"),
    )
    for option in reversed(add):
        command = option(command)
    return command
