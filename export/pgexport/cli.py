"""The command line of pgexport: parse, call, print. PyTorch and ONNX are imported only when an export starts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from pgexport.tensorrt_options import check_ready, is_bundle, print_engines, tensorrt_options
from pokegan.cli import Command, needs_extra, version_option

if TYPE_CHECKING:
    from pgen.engines import EngineOptions

FOLDER = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("run", type=FOLDER)
@click.option("--out", type=FOLDER, help="folder of the bundle to make")
@click.option(
    "--storage",
    type=click.Choice(["compact", "float32"]),
    default="compact",
    show_default=True,
    help="compact: large weights as int8 and float16, a third of the size; arithmetic is float32 either way",
)
@click.option("--force", is_flag=True, help="replace the bundle in --out")
@tensorrt_options
@version_option
def main(run: Path, out: Path | None, storage: str, force: bool, engines: "EngineOptions | None") -> None:
    """Export RUN, a folder that pgtrain made, to a bundle: its generator and its text encoder as ONNX.

    With --tensorrt the bundle also gets TensorRT engines for this machine's GPU; RUN may then be a bundle
    that is there already, which gets engines and is otherwise left alone.

    Where stage II was never trained, the pictures are stage I's, 64x64.

    Every graph is compared with PyTorch first; beyond the tolerances no bundle is written.
    """
    if engines and is_bundle(run):
        if out or force:
            raise click.UsageError(f"{run} is a bundle and gets its engines in place: leave out --out and --force")
        print_engines(run, engines)
        return
    if out is None:
        raise click.UsageError("say where to write: --out FOLDER")
    if engines:
        check_ready()  # before minutes go into the export
    with needs_extra("export"):
        from pgexport.write import export_run
    bundle = export_run(run, out, storage, force)
    table = Table("model", "figure", "measured", "limit", title=f"Parity with PyTorch, {storage}")
    for name, model in bundle.manifest.models.items():
        for figure, values in model.parity.items():
            if isinstance(values, dict):
                table.add_row(name, figure, f"{values['measured']:.5g}", f"{values['limit']:.5g}")
    Console().print(table)
    size = sum(entry.bytes for entry in bundle.manifest.files.values()) / 1e6
    click.echo(f"wrote {out} ({size:.1f} MB); next: pgen image Charizard --model {out} --out out.png")
    if engines:
        print_engines(out, engines)


if __name__ == "__main__":
    main()
