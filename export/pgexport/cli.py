"""The command line of pgexport: parse, call, print. PyTorch and ONNX are imported only when an export starts."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from pokegan.cli import Command, needs_extra, version_option

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
@click.option("--triton", type=FOLDER, help="also write a model repository for Triton Inference Server to this folder")
@click.option("--force", is_flag=True, help="replace what is in --out and --triton")
@version_option
def main(run: Path, out: Path | None, storage: str, triton: Path | None, force: bool) -> None:
    """Export RUN, a folder that pgtrain made, to a bundle: its generator and its text encoder as ONNX.

    Where stage II was never trained, the pictures are stage I's, 64x64.

    Every graph is compared with PyTorch first; beyond the tolerances no bundle is written.

    With --triton and without --out, RUN is a bundle that exists.
    """
    if triton is not None and out is None:
        _write_repository(run, triton, force)
        return
    if out is None:
        raise click.UsageError("say where to write: --out DIR for the bundle, or --triton DIR for a bundle that exists")
    if triton is not None:
        from pgexport.triton import check_target

        check_target(triton, force)  # before minutes of export
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
    if triton is not None:
        _write_repository(out, triton, force)


def _write_repository(bundle: Path, out: Path, force: bool) -> None:
    from pgexport.triton import write_repository

    ensembles = write_repository(bundle, out, force)
    click.echo(f"wrote {out} ({', '.join(ensembles) or 'no ensemble'}); next: docs/triton.md tells how to serve it")


if __name__ == "__main__":
    main()
