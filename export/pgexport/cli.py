"""The command line of pgexport: parse, call, print. PyTorch and ONNX are imported only when an export starts."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from pgen.cli import BUILD_HINTS
from pgexport.tracing.opset import OPSETS, READERS
from pokegan.cli import Group, Hint, version_option
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    from pgen.bundle.engines import EngineOptions
    from pgen.bundle.reader import Bundle

FOLDER = click.Path(path_type=Path)
BUNDLE = click.argument("bundle", type=FOLDER)
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON instead of tables")
DEFAULT = "export"

HINTS: dict[str, Hint] = BUILD_HINTS | {
    "engine_failed": "--workspace, --batches",
    "graph_unread": "--storage float32 or --fp16",
    "runs_invalid": "pgexport RUN --out BUNDLE",
    "target_exists": "--force",
    "target_invalid": "--out, --triton, --web",
}
"""What the command line adds to messages, by the errors' codes."""


def _batches(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int, int]:
    parts = value.split(",")
    if len(parts) == 3 and all(part.strip().isdecimal() for part in parts):
        least, usual, most = map(int, parts)
        if 1 <= least <= usual <= most:
            return least, usual, most
    raise click.BadParameter(f"{value!r} is not three rising batches, smallest, usual and largest, such as 1,8,64")


class ExportGroup(Group):
    """Runs the command `export` where the first word names no other command: `pgexport RUN --out BUNDLE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `export` before arguments that name no command."""
        own = {*self.commands, "--help", "--version"}
        return super().parse_args(ctx, args if args and args[0] in own else [DEFAULT, *args])

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the help of `export`, and the other commands below it."""
        export = self.commands[DEFAULT]
        export.format_help(click.Context(export, ctx.parent, ctx.info_name), formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=ExportGroup, hints=HINTS)
@version_option
def main() -> None:
    """Export trained networks to bundles that run without PyTorch."""


@main.command(DEFAULT, hidden=True)
@click.argument("runs", type=FOLDER, nargs=-1, metavar="[RUN]...")
@click.option("--out", type=FOLDER, help="folder of the new bundle")
@click.option(
    "--storage",
    type=click.Choice(["compact", "float32"]),
    default="compact",
    show_default=True,
    help="compact: large weights as int8 and float16, a third of the size; arithmetic is float32 in both",
)
@click.option("--fp16", is_flag=True, help="weights and arithmetic in fp16; norms, softmax and pixels in float32")
@click.option(
    "--bf16", is_flag=True, help="weights and arithmetic in bf16, which ONNX Runtime's CPU provider cannot run"
)
@click.option("--int8", is_flag=True, help="arithmetic in int8 where it is smaller or faster and parity holds")
@click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    help="version of the ONNX operator set  [default: 18; with --bf16 22]",
)
@click.option("--add", is_flag=True, help="add the models to the bundle in --out")
@click.option("--triton", type=FOLDER, help="also write a model repository for Triton Inference Server to this folder")
@click.option(
    "--web", type=FOLDER, help="also write a static page that runs the networks in the browser to this folder"
)
@click.option(
    "--force",
    is_flag=True,
    help="replace what is in --out, --triton and --web; with --add, models of the same name in the bundle",
)
@click.option("--tensorrt", is_flag=True, help="also build TensorRT engines for this machine's GPU")
@click.option(
    "--batches",
    callback=_batches,
    default="1,8,64",
    show_default=True,
    help="smallest, usual and largest batch of the engines",
)
@click.option("--workspace", type=click.IntRange(1), help="MiB that an engine may use  [default: all]")
@click.option("--version-compatible", is_flag=True, help="engines that newer versions of TensorRT run too")
@click.option("--hardware-compatible", is_flag=True, help="engines that every GPU from Ampere on runs")
@version_option
def export(
    runs: tuple[Path, ...],
    out: Path | None,
    storage: str,
    fp16: bool,
    bf16: bool,
    int8: bool,
    opset: int | None,
    add: bool,
    triton: Path | None,
    web: Path | None,
    force: bool,
    tensorrt: bool,
    **engine_options: Any,
) -> None:
    """Export each RUN, a folder that pgtrain made, to one bundle of ONNX models, with the text encoder if one needs it.

    Without RUN the newest finished run of every system under runs/ is exported. Stages that were never trained are
    left out: a stackgan without stage II draws 64x64 pixels.

    --storage, --fp16, --bf16 and --int8 choose the precision of pictures and texts; stats are always in float32.

    Every graph is compared with PyTorch first; if a tolerance is exceeded, no bundle is written.

    With --tensorrt the bundle also gets TensorRT engines for this machine's GPU, with --triton it is also written as a
    model repository, and with --web as a page for any static web host. RUN may then be an existing bundle, without
    --out. TensorRT does not read text encoders in compact or int8: export with --storage float32 or --fp16.
    """
    from pgen.bundle.engines import EngineOptions
    from pgen.bundle.reader import MANIFEST

    storage = _chosen_storage(storage, {"fp16": fp16, "bf16": bf16, "int8": int8})
    if not tensorrt and (useless := _given(*engine_options)):
        raise click.UsageError(f"--{useless[0].replace('_', '-')} is about engines: add --tensorrt")
    engines = EngineOptions(**engine_options) if tensorrt else None
    if (engines or triton or web) and len(runs) == 1 and (runs[0] / MANIFEST).is_file():
        force_applies = triton or web
        options = ("out", "storage", "fp16", "bf16", "int8", "opset", "add", *(() if force_applies else ("force",)))
        if useless := _given(*options):
            raise click.UsageError(f"{runs[0]} is a bundle, not a run: leave out --{useless[0]}")
        _check_targets(triton, web, force)
        _derive(runs[0], engines, triton, web, force)
        return
    if out is None:
        no_bundle = f", and {', '.join(map(str, runs))} is not one" if runs else ""
        raise click.UsageError(
            f"--out DIR is missing; only an existing bundle takes --tensorrt, --triton or --web alone{no_bundle}"
        )
    if late := [reader for reader, last in READERS.items() if opset is not None and opset > last]:
        click.echo(f"warning: --opset {opset}: {' and '.join(late)} may not read it", err=True)
    if engines:
        from pgexport.targets.tensorrt.engines import ready

        ready()  # before minutes go into the export
    _check_targets(triton, web, force)
    with needs_extra("export"):
        from pgexport.select_runs import newest_finished

        chosen = runs or tuple(newest_finished())
        if not runs:
            click.echo(f"exporting {', '.join(map(str, chosen))}")
        from pgexport.export import export_runs
    bundle = export_runs(chosen, out, storage=storage, opset=opset, force=force, add=add, tensorrt=tensorrt)
    _show_bundle(bundle)
    _derive(out, engines, triton, web, force)


def _given(*options: str) -> list[str]:
    """List those of the parameters `options` that the command line sets."""
    source = click.get_current_context().get_parameter_source
    return [name for name in options if source(name) is not click.core.ParameterSource.DEFAULT]


def _check_targets(triton: Path | None, web: Path | None, force: bool) -> None:
    """Check targets before minutes go into what they are made of."""
    if triton:
        from pgexport.targets.triton.repository import check_target as check_repository

        check_repository(triton, force)
    if web:
        from pgexport.targets.web.folder import check_target as check_page

        check_page(web, force)


def _derive(bundle: Path, engines: "EngineOptions | None", triton: Path | None, web: Path | None, force: bool) -> None:
    """Derive engines, a repository and a page from a bundle: engines first, because a repository takes them along."""
    if engines:
        from pgexport.targets.tensorrt.engines import build_engines

        table = Table("engine", "figure", "measured", title="Parity of the engines with ONNX Runtime")
        for name, info in build_engines(bundle, engines).items():
            for figure, value in info.parity.items():
                table.add_row(name, figure, f"{value:.5g}")
        Console().print(table)
        image = ["pgen", "image", "Charizard", "--bundle", str(bundle), "--device", "engine", "--out", "out.png"]
        click.echo(f"wrote {bundle / 'engines'}; next: {shlex.join(image)}")
    if triton:
        from pgexport.targets.triton.repository import write_repository

        ensembles = ", ".join(write_repository(bundle, triton, force)) or "no ensemble"
        click.echo(f"wrote {triton} ({ensembles}); next: serve it as docs/triton.md describes")
    if web:
        from pgexport.targets.web.folder import write_page

        size = write_page(bundle, web, force) / 1e6
        next_command = (
            f"python -m http.server --directory {shlex.quote(str(web))}, or upload it as docs/web.md describes"
        )
        click.echo(f"wrote {web} ({size:.1f} MB); next: {next_command}")


def _show_bundle(bundle: "Bundle") -> None:
    """Print what was exported, and the next command."""
    _show_parity({name: model.parity for name, model in bundle.manifest.models.items()})
    _show_graphs({name: model.provenance["export"]["graph"] for name, model in bundle.manifest.models.items()})
    for name, model in bundle.manifest.models.items():
        run = model.provenance.get("run", {})
        if "data" in run and run["epoch"] < run["epochs"]:
            click.echo(f"note: {name} is of a run stopped after {run['epoch']} of {run['epochs']} epochs")
    size = sum(entry.bytes for entry in bundle.manifest.files.values()) / 1e6
    out = bundle.folder
    reads_text = any(model.reads_text for model in bundle.manifest.models.values())
    quoted = shlex.quote(str(out))
    then = f"pgen image Charizard --bundle {quoted} --out out.png" if reads_text else f"pgexport inspect {quoted}"
    click.echo(f"wrote {out} ({size:.1f} MB); next: {then}")


@main.command()
@BUNDLE
@JSON
def inspect(bundle: Path, as_json: bool) -> None:
    """Show the contents of BUNDLE.

    Shown are models, inputs, outputs, precision, size, parity and provenance.
    """
    from pgexport.inspect import describe_bundle, show

    summary = describe_bundle(bundle)
    if as_json:
        click.echo(json.dumps(summary, indent=1, ensure_ascii=False))
    else:
        show(summary)


@main.command()
@BUNDLE
@click.option(
    "--run",
    "runs",
    type=FOLDER,
    multiple=True,
    help="repeat parity with this run; repeatable  [default: those under runs/ that BUNDLE was exported from]",
)
def verify(bundle: Path, runs: tuple[Path, ...]) -> None:
    """Check the files and graphs of BUNDLE.

    Checked are sizes, checksums and the ONNX graphs and, if the runs of BUNDLE are there, parity on new latents.
    """
    with needs_extra("export"):
        from pgexport.verify import verify as check
    report = check(bundle, runs)
    if report["runs"] and not runs:
        click.echo(f"comparing with {', '.join(report['runs'])}, from which it was exported")
    repeated = {name: parity for name, parity in report["models"].items() if parity}
    if repeated:
        _show_parity(repeated)
    for name, parity in report["models"].items():
        click.echo(f"{name}: graph is valid, parity {'holds' if parity else 'not repeated (give its --run)'}")
    for name in report["engines"]:
        click.echo(f"engines/{name}.plan: matches its sidecar and {name}.onnx; not run")
    click.echo(f"{bundle}: {report['files']} files match the manifest")


@main.command()
@BUNDLE
@click.option("--out", type=FOLDER, required=True, help="folder of the run")
def unpack(bundle: Path, out: Path) -> None:
    """Write the generator of BUNDLE as a run.

    pgtrain stackgan continues the training from it with --start.
    """
    with needs_extra("export"):
        from pgexport.unpack import unpack as write
    write(bundle, out)
    click.echo(f"wrote {out}")


@main.command()
@click.argument("one", type=FOLDER)
@click.argument("other", type=FOLDER)
@JSON
def diff(one: Path, other: Path, as_json: bool) -> None:
    """Show how two bundles differ.

    The exit code is 1 if they do, as that of diff.
    """
    from pgexport.inspect import difference, show_difference

    differences = difference(one, other)
    if as_json:
        click.echo(json.dumps(differences, indent=1, ensure_ascii=False))
    elif differences:
        show_difference(differences, one, other)
    else:
        click.echo("the bundles are equal")
    sys.exit(1 if differences else 0)


def _chosen_storage(storage: str, flags: dict[str, bool]) -> str:
    chosen = [name for name, is_set in flags.items() if is_set] + _given("storage")
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(f'--{name}' for name in chosen)} exclude each other; choose one")
    return chosen[0] if chosen and chosen != ["storage"] else storage


def _show_graphs(graphs: dict[str, dict[str, Any]]) -> None:
    """Print which type each graph's nodes compute in, and whether int8 was kept."""
    types = sorted({type for graph in graphs.values() for type in graph["nodes"]["all"]})
    table = Table("model", *types, title="Nodes by the type they compute in")
    for name, graph in graphs.items():
        table.add_row(name, *(str(graph["nodes"]["all"].get(type, "")) for type in types))
    Console().print(table)
    for name, graph in graphs.items():
        if "int8" in graph:
            click.echo(f"{name}, int8: {graph['int8']['reason']}")


def _show_parity(by_model: dict[str, dict[str, Any]]) -> None:
    from pgexport.inspect import number

    table = Table("model", "figure", "measured", "limit", title="Parity with PyTorch")
    for name, parity in by_model.items():
        for figure, values in parity.get("figures", {}).items():
            table.add_row(name, figure, number(values["measured"]), number(values["limit"]))
    Console().print(table)


if __name__ == "__main__":
    main()
