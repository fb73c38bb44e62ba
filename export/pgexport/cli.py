"""The command line of pgexport: parse, call, print. PyTorch and ONNX are imported only when an export starts."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pokegan.cli import Command, needs_extra, version_option

FOLDER = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("run", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="folder of the bundle to make")
@click.option(
    "--storage",
    type=click.Choice(["compact", "float32"]),
    default="compact",
    show_default=True,
    help="compact: large weights as int8 and float16, a third of the size; arithmetic is float32 either way",
)
@click.option("--fp16", is_flag=True, help="weights and arithmetic in fp16; norms, softmax and pixels in float32")
@click.option("--bf16", is_flag=True, help="the same in bf16, which ONNX Runtime's CPU provider cannot run")
@click.option("--int8", is_flag=True, help="arithmetic in int8 wherever it is smaller or faster and parity holds")
@click.option("--force", is_flag=True, help="replace the bundle in --out")
@version_option
def main(run: Path, out: Path, storage: str, fp16: bool, bf16: bool, int8: bool, force: bool) -> None:
    """Export RUN, a folder that pgtrain made, to a bundle: its generator and its text encoder as ONNX.

    Where stage II was never trained, the pictures are stage I's, 64x64.

    Every graph is compared with PyTorch first; beyond the tolerances no bundle is written.
    """
    storage = _chosen(storage, {"fp16": fp16, "bf16": bf16, "int8": int8})
    with needs_extra("export"):
        from pgexport.write import export_run
    bundle = export_run(run, out, storage, force)
    table = Table("model", "figure", "measured", "limit", title=f"Parity with PyTorch, {storage}")
    for name, model in bundle.manifest.models.items():
        for figure, values in model.parity.items():
            if isinstance(values, dict):
                table.add_row(name, figure, f"{values['measured']:.5g}", f"{values['limit']:.5g}")
    Console().print(table)
    _show_graphs(bundle.manifest.provenance["export"]["graphs"])
    size = sum(entry.bytes for entry in bundle.manifest.files.values()) / 1e6
    click.echo(f"wrote {out} ({size:.1f} MB); next: pgen image Charizard --model {out} --out out.png")


def _chosen(storage: str, flags: dict[str, bool]) -> str:
    """Reduce the options to one precision."""
    asked = [f"--{name}" for name, given in flags.items() if given]
    source = click.get_current_context().get_parameter_source("storage")
    if asked and source is not click.core.ParameterSource.DEFAULT:
        asked.append("--storage")
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)} exclude each other; choose one")
    return asked[0].removeprefix("--") if asked else storage


def _show_graphs(graphs: dict[str, Any]) -> None:
    """Print which type each graph's nodes compute in, and what came of int8."""
    kinds = sorted({kind for told in graphs.values() for kind in told["nodes"]["all"]})
    table = Table("model", *kinds, title="Nodes by the type they compute in")
    for name, told in graphs.items():
        table.add_row(name, *(str(told["nodes"]["all"].get(kind, "")) for kind in kinds))
    Console().print(table)
    for name, told in graphs.items():
        if "int8" in told:
            click.echo(f"{name}, int8: {told['int8']['reason']}")


if __name__ == "__main__":
    main()
