"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from pgen.backends.cores import cores
from pgen.backends.registry import device_names

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Any], Any]

FOLDER = click.Path(path_type=Path)


THREADS_A_CORE, ALWAYS_ALLOWED = 4, 64


class _Threads(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        most = max(ALWAYS_ALLOWED, THREADS_A_CORE * cores())
        if found > most:  # thousands of threads take a machine down before they draw anything
            self.fail(f"{found} are too many for {cores()} cores; take {most} at most, or leave it out", param, ctx)
        return found


def where(command: Function) -> Function:
    """Add the options that say which bundle runs where: ``--bundle``, ``--device`` and ``--threads``."""
    told = "auto: the fastest that works; engine: TensorRT, as built by pgexport --tensorrt"
    add = (
        click.option("--bundle", type=FOLDER, help="folder of a bundle  [default: the one installed with pgen]"),
        click.option("--device", type=click.Choice(device_names()), default="auto", show_default=True, help=told),
        click.option("--threads", type=_Threads(0), default=0, help="CPU threads  [default: one a core]"),
    )
    for option in reversed(add):
        command = option(command)
    return command


def _packed(into: str, place: str, **options: Option) -> Callable[[Function], Function]:
    """Add `options`, which the command gets as one value, `into`.

    `place`, "module:attribute", is called with them; it is imported only then, so that ``--help`` stays instant.
    """

    def decorate(command: Function) -> Function:
        @wraps(command)
        def call(**settings: Any) -> Any:
            module, attribute = place.split(":")
            make = getattr(import_module(module), attribute)
            value = make(**{name: settings.pop(name) for name in options})
            return command(**{into: value}, **settings)

        result: Any = call
        for option in reversed(options.values()):
            result = option(result)
        return result  # type: ignore[no-any-return]

    return decorate


def seeded(n: str = "1", seed: str = "0") -> Callable[[Function], Function]:
    """Add ``-n``, ``--seed`` and ``--seeds``; the arguments tell what they are without being given."""

    def decorate(command: Function) -> Function:
        first = f"of the first picture; the next add 1  [default: {seed}]"
        for option in (
            click.option("--seeds", metavar="LIST", help="these seeds instead, such as 1-64,100"),
            click.option("--seed", type=click.IntRange(0, 2**64 - 1), help=first),
            click.option("-n", "n", type=click.IntRange(1, 10**9), help=f"how many pictures  [default: {n}]"),
        ):
            command = option(command)
        return command

    return decorate


styled = _packed(
    "like",
    "pgen.request:pattern",
    model=click.option("--model", metavar="NAME", help="which model of the bundle draws"),
    truncation=click.option(
        "--truncation",
        type=click.FloatRange(0, 2),
        default=1.0,
        show_default=True,
        help="factor on the latent: below 1 pictures are more alike and more usual",
    ),
    stage=click.option("--stage", type=click.IntRange(1, 2), help="1: the smaller picture of stage I  [default: last]"),
)
"""``--model``, ``--truncation`` and ``--stage``, as `like`."""

size = click.option("--size", type=click.IntRange(8, 4096), help="pixels a side  [default: the model's]")
background = click.option(
    "--background", metavar="COLOUR", default="transparent", show_default=True, help="transparent, white, or #ff8800"
)
resample = click.option(
    "--resample",
    type=click.Choice(("lanczos", "nearest")),
    default="lanczos",
    show_default=True,
    help="how --size is reached; nearest keeps a sprite's pixels sharp",
)

finished = _packed(
    "finish",
    "pgen.images.postprocess:Finish",
    size=size,
    resample=resample,
    background=background,
    format=click.option(
        "--format",
        type=click.Choice(("png", "webp", "gif")),
        default="png",
        show_default=True,
        help="of files that pgen names, and of --out -; otherwise the extension tells",
    ),
)
"""``--size``, ``--resample``, ``--background`` and ``--format``, as `finish`."""

placed = _packed(
    "place",
    "pgen.commands.output:Place",
    out=click.option(
        "--out", metavar="FILE", type=FOLDER, help="write one picture, or the grid, to this file; - is stdout"
    ),
    out_dir=click.option(
        "--out-dir",
        metavar="DIR",
        type=FOLDER,
        help="write each picture into this folder, named by prompt and seed  [default: the current one]",
    ),
    grid=click.option("--grid", is_flag=True, help="lay all pictures out in one"),
    columns=click.option("--columns", type=click.IntRange(1), help="of the grid  [default: as square as can be]"),
)
"""``--out``, ``--out-dir``, ``--grid`` and ``--columns``, as `place`."""

batch = click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="pictures drawn at once")


class _BatchType(click.IntRange):
    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "auto" else super().convert(value, param, ctx)


def at_scale(command: Function) -> Function:
    """Add the options of jobs that may be large: ``--batch``, ``--resume``, ``--shards`` and ``--engine``."""
    add = (
        click.option(
            "--batch",
            type=_BatchType(1),
            metavar="N|auto",
            default=16,
            show_default=True,
            help="pictures drawn at once; auto measures which number is fastest",
        ),
        click.option("--resume", is_flag=True, help="go on with an interrupted job: leave out what is finished"),
        click.option(
            "--shards", type=click.IntRange(1), metavar="SIZE", help="write WebDataset tar shards of SIZE pictures"
        ),
        click.option(
            "--engine",
            type=click.Choice(("local", "ray")),
            default="local",
            show_default=True,
            help="ray: the machines of a Ray cluster; they must see --bundle and --out-dir",
        ),
    )
    for option in reversed(add):
        command = option(command)
    return command


telling = _packed(
    "manner",
    "pgen.commands.output:Manner",
    as_json=click.option(
        "--json", "as_json", is_flag=True, help="print a JSON object for each file instead of its name"
    ),
    quiet=click.option("--quiet", "-q", is_flag=True, help="print nothing but errors"),
)
"""``--json`` and ``--quiet``, as `manner`."""

asking = _packed(
    "asked",
    "pgen.stats.rows:ask",
    type=click.option("--type", metavar="TYPE", multiple=True, help="such as fire; given twice: both of them"),
    total=click.option("--total", type=int, metavar="N", help="what the six stats sum to, exactly"),
    rarity=click.option("--rarity", metavar="NAME", help="ordinary, legendary, mythical or baby"),
    legendary=click.option("--legendary", is_flag=True, help="short for --rarity legendary"),
)
"""``--type``, ``--total``, ``--rarity`` and ``--legendary``, as `asked`."""
