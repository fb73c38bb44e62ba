"""The options of ``pgexport --tensorrt``, and what it prints. Apart from the command line, so that one can change."""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pgen.bundle.engines import EngineOptions


def _batches(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int, int]:
    parts = value.split(",")
    if len(parts) == 3 and all(part.strip().isdecimal() for part in parts):
        least, usual, most = map(int, parts)
        if 1 <= least <= usual <= most:
            return least, usual, most
    raise click.BadParameter(f"{value!r} is not three rising batches, smallest, usual and largest, such as 1,8,64")


def tensorrt_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--tensorrt`` and its options; the command gets them as `engines`, None without ``--tensorrt``."""

    @functools.wraps(command)
    def gathered(*args: Any, tensorrt: bool, **values: Any) -> None:
        from pgen.bundle.engines import EngineOptions

        names = ("batches", "workspace", "version_compatible", "hardware_compatible")
        chosen = {name: values.pop(name) for name in names}
        source = click.get_current_context().get_parameter_source
        changed = [name for name in names if source(name) is not click.core.ParameterSource.DEFAULT]
        if changed and not tensorrt:
            raise click.UsageError(f"--{changed[0].replace('_', '-')} is about engines: add --tensorrt")
        command(*args, engines=EngineOptions(**chosen) if tensorrt else None, **values)

    add = (
        click.option("--tensorrt", is_flag=True, help="also build TensorRT engines for this machine's GPU"),
        click.option(
            "--batches",
            callback=_batches,
            default="1,8,64",
            show_default=True,
            help="smallest, usual and largest batch of the engines",
        ),
        click.option("--workspace", type=click.IntRange(1), help="MiB that an engine may use  [default: all]"),
        click.option("--version-compatible", is_flag=True, help="engines that newer versions of TensorRT run too"),
        click.option("--hardware-compatible", is_flag=True, help="engines that every GPU from Ampere on runs"),
    )
    for option in reversed(add):
        gathered = option(gathered)
    return gathered


def is_bundle(folder: Path) -> bool:
    """Tell whether `folder` holds a bundle."""
    from pgen.bundle.reader import MANIFEST

    return (folder / MANIFEST).is_file()


def check_ready() -> None:
    """Check that engines can be built here."""
    from pgexport.targets.tensorrt.engines import ready

    ready()


def print_engines(folder: Path, options: "EngineOptions") -> None:
    """Build the engines of the bundle in `folder` and print what they are."""
    from pgexport.targets.tensorrt.engines import build_engines

    built = build_engines(folder, options)
    table = Table("engine", "figure", "measured", title="Parity of the engines with ONNX Runtime")
    for name, info in built.items():
        for figure, value in info.parity.items():
            table.add_row(name, figure, f"{value:.5g}")
    Console().print(table)
    then = shlex.join(["pgen", "image", "Charizard", "--bundle", str(folder), "--device", "engine", "--out", "out.png"])
    click.echo(f"wrote {folder / 'engines'}; next: {then}")
