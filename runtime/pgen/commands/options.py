"""Options that several commands share."""

import secrets
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from pgen.backends.registry import device_names

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Any], Any]

PATH = click.Path(path_type=Path)


class _Number(click.IntRange):
    """A range of integers; another text is told what to `write`."""

    write = "a number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number; write {self.write}", param, ctx)
        return super().convert(value, param, ctx)


class _Seed(_Number):
    name, write = "N|random", "a number, or random"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # 32 bits are short enough to write down; names of files and --json tell which seed it is.
        return secrets.randbelow(2**32) if value == "random" else super().convert(value, param, ctx)


class _Side(_Number):
    write = "one side, such as 256"


SEED = _Seed(0, 2**64 - 1)

THREADS_PER_CORE, ALWAYS_ALLOWED = 4, 64


class _Threads(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from pgen.backends.cores import cores

        threads = super().convert(value, param, ctx)
        limit = max(ALWAYS_ALLOWED, THREADS_PER_CORE * cores())
        if threads > limit:  # thousands of threads would exhaust the machine
            self.fail(f"{threads} are too many for {cores()} cores; use at most {limit}, or leave it out", param, ctx)
        return threads


def _embedded() -> Path:
    from pgen.bundle.reader import EMBEDDED  # --help does without

    return EMBEDDED


def device_options(command: Function) -> Function:
    """Add ``--bundle``, ``--device`` and ``--threads``."""
    device = "auto: the fastest for many pictures; engine: TensorRT engines built by pgexport --tensorrt"
    options = (
        click.option(
            "--bundle", type=PATH, default=_embedded, help="folder of a bundle  [default: the one installed with pgen]"
        ),
        click.option("--device", type=click.Choice(device_names()), default="auto", show_default=True, help=device),
        click.option("--threads", type=_Threads(0), default=0, show_default=True, help="CPU threads; 0: one a core"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _not_blank(_: click.Context, __: click.Parameter, value: str | None) -> str:
    """Return a text, or an empty one for none; refuse a blank one, which a script writes for an unset variable."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; write a name or a sentence, or leave the option out")
    return value or ""


def _grouped(parameter: str, factory: str, **options: Option) -> Callable[[Function], Function]:
    """Add `options`, which the command receives as one value, `parameter`.

    `factory`, "module:attribute", is called with them; it is imported only then, so that ``--help`` stays instant.
    """

    def decorate(command: Function) -> Function:
        @wraps(command)
        def call(**settings: Any) -> Any:
            module, attribute = factory.split(":")
            make = getattr(import_module(module), attribute)
            value = make(**{name: settings.pop(name) for name in options})
            return command(**{parameter: value}, **settings)

        result: Any = call
        for option in reversed(options.values()):
            result = option(result)
        return result  # type: ignore[no-any-return]

    return decorate


def _seed_options(n: str, seed: str) -> dict[str, Option]:
    """Return ``-n``, ``--seed`` and ``--seeds``; the arguments are the defaults that the help shows."""
    return {
        "n": click.option("-n", "n", type=click.IntRange(1, 10**9), help=f"number of pictures  [default: {n}]"),
        "seed": click.option("--seed", type=SEED, help=f"seed of the first picture; seeds count up  [default: {seed}]"),
        "seeds": click.option("--seeds", metavar="LIST", help="a list of seeds instead, such as 1-64,100"),
    }


seed_options = _grouped("seeds", "pgen.request:choose_seeds", **_seed_options("1", "0"))
"""``-n``, ``--seed`` and ``--seeds``, as the chosen `seeds`."""

variation_seed_options = _grouped("seeds", "builtins:dict", **_seed_options("8", "the one after the file's"))
"""The same options, as a dictionary of their values: their defaults depend on the file."""

shiny_option = click.option("--shiny", is_flag=True, help="alternative colors, chosen by the seed")

sampling_options = _grouped(
    "template",
    "pgen.request:request_template",
    model=click.option("--model", metavar="NAME", help="name of the model in the bundle"),
    truncation=click.option(
        "--truncation",
        type=click.FloatRange(0, 2),
        default=1.0,
        show_default=True,
        help="factor on the latent; below 1, pictures are more typical and less varied",
    ),
    stage=click.option("--stage", type=click.IntRange(1, 2), help="1: the smaller picture of stage I  [default: last]"),
    colors=click.option(
        "--colors",
        "--colors-of",
        "--palette-of",
        "colors",
        metavar="TEXT",
        callback=_not_blank,
        help="a name or a sentence whose colors are used instead",
    ),
    shiny=shiny_option,
)
"""``--model``, ``--truncation``, ``--stage``, ``--colors`` and ``--shiny``, as `template`."""

size_option = click.option("--size", type=_Side(8, 4096), help="side in pixels  [default: the model's]")
background_option = click.option(
    "--background",
    metavar="COLOR",
    default="transparent",
    show_default=True,
    help="transparent, a name such as navy, or #ff8800",
)
resample_option = click.option(
    "--resample",
    type=click.Choice(("lanczos", "nearest")),
    help="filter of --size; nearest keeps the pixels of sprites sharp  [default: lanczos, or the model's own]",
)

output_options = _grouped(
    "postprocess",
    "pgen.images.postprocess:Postprocess",
    size=size_option,
    resample=resample_option,
    background=background_option,
    format=click.option(
        "--format",
        type=click.Choice(("png", "webp", "gif", "jpeg")),
        default="png",
        show_default=True,
        help="format of --out-dir and --out -; otherwise the extension determines it",
    ),
)
"""``--size``, ``--resample``, ``--background`` and ``--format``, as `postprocess`."""

destination_options = _grouped(
    "destination",
    "pgen.commands.output:Destination",
    out=click.option(
        "--out", metavar="FILE", type=PATH, help="write one picture, or the grid, to this file; - is stdout"
    ),
    out_dir=click.option(
        "--out-dir",
        metavar="DIR",
        type=PATH,
        help="write each picture into this folder, named by prompt and seed  [default: the current folder]",
    ),
    grid=click.option("--grid", is_flag=True, help="write all pictures as one grid"),
    columns=click.option("--columns", type=click.IntRange(1), help="columns of the grid  [default: a square grid]"),
)
"""``--out``, ``--out-dir``, ``--grid`` and ``--columns``, as `destination`."""

batch_option = click.option(
    "--batch", type=click.IntRange(1), default=16, show_default=True, help="pictures generated at once"
)


class _BatchType(_Number):
    name, write = "N|auto", "a number, or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "auto" else super().convert(value, param, ctx)


def batch_options(command: Function) -> Function:
    """Add the options of large jobs: ``--batch``, ``--resume``, ``--shards`` and ``--executor``."""
    options = (
        click.option(
            "--batch",
            type=_BatchType(1),
            metavar="N|auto",
            default=16,
            show_default=True,
            help="pictures generated at once; auto measures which number is fastest",
        ),
        click.option("--resume", is_flag=True, help="continue an interrupted job: skip finished files"),
        click.option(
            "--shards", type=click.IntRange(1), metavar="SIZE", help="write WebDataset tar shards of SIZE pictures"
        ),
        click.option(
            "--executor",
            type=click.Choice(("local", "ray")),
            default="local",
            show_default=True,
            help="ray: a Ray cluster, whose machines must see --bundle and --out-dir",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


report_options = _grouped(
    "reporter",
    "pgen.commands.output:Reporter",
    as_json=click.option(
        "--json", "as_json", is_flag=True, help="print a JSON object for each file instead of its name"
    ),
    quiet=click.option("--quiet", "-q", is_flag=True, help="print nothing but errors"),
)
"""``--json`` and ``--quiet``, as `reporter`."""

filter_options = _grouped(
    "filter",
    "pgen.stats.rows:row_filter",
    type=click.option("--type", metavar="TYPE", multiple=True, help="a type, such as fire; twice for two types"),
    total=click.option("--total", type=int, metavar="N", help="sum of the six stats, met exactly"),
    rarity=click.option("--rarity", metavar="NAME", help="ordinary, legendary, mythical or baby"),
    legendary=click.option("--legendary", is_flag=True, help="short for --rarity legendary"),
)
"""``--type``, ``--total``, ``--rarity`` and ``--legendary``, as `filter`."""


def job_options(command: Function) -> Function:
    """Add the options of every command that writes pictures as a job."""
    for add in (report_options, device_options, batch_options, destination_options, output_options):
        command = add(command)
    return command
