"""``pgen dex``: whole new Pokémon."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pgen.commands.options import PATH, SEED, device_options, filter_options, report_options, shiny_option
from pokegan.cli import Command, keeps

if TYPE_CHECKING:
    from pgen.commands.output import Reporter
    from pgen.stats.rows import RowFilter


@click.command("dex", cls=Command)
@click.option("-n", "n", type=click.IntRange(1, 10**6), default=1, show_default=True, help="number of Pokémon")
@click.option("--seed", type=SEED, default=0, show_default=True, help="seed of the first; seeds count up")
@click.option("--family", type=click.IntRange(2, 3), metavar="2|3", help="generate evolution lines of 2 or 3 stages")
@filter_options
@shiny_option
@click.option("--out", metavar="DIR", type=PATH, default=Path("dex"), show_default=True, help="folder of the cards")
@click.option("--llm", metavar="URL", help="an OpenAI-compatible endpoint that writes names and descriptions")
@click.option("--llm-model", metavar="NAME", help="model of the endpoint  [default: the first that it lists]")
@click.option(
    "--llm-timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    help="timeout per request, in seconds",
)
@device_options
@report_options
def dex(
    n: int,
    seed: int,
    family: int | None,
    filter: "RowFilter",
    shiny: bool,
    out: Path,
    llm: str | None,
    llm_model: str | None,
    llm_timeout: float,
    bundle: Path,
    device: str,
    threads: int,
    reporter: "Reporter",
) -> None:
    """Generate whole new Pokémon, each with a card.

    With --family, -n is the number of evolution lines, the conditions are those of the last stage, and each line also
    gets a sheet of its cards. A card is a PNG and an HTML page; dex.json lists all cards. Stats and types come from the
    stats GAN, the name from an n-gram model that never generates a known name, genus and description from templates
    that match the stats, and the picture from the text-to-image GAN. All of them depend only on the seed and the
    options, except that no name repeats in one DIR. --llm sends types, stats, color and shape, and nothing else, to the
    endpoint, of all stages of a line at once; its key, if it needs one, is read from POKEGAN_LLM_KEY. If the endpoint
    fails, a line on stderr says so.
    """
    from pgen.dex.entry import EntryGenerator
    from pgen.dex.job import Card, names_of_others, write_dex
    from pgen.dex.llm import open_writer
    from pgen.images.model import PictureModel
    from pokegan.progress import progress

    source = click.get_current_context().get_parameter_source
    for option in ("llm_model", "llm_timeout"):
        if llm is None and source(option) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{option.replace('_', '-')} needs an endpoint: add --llm URL")
    reporter = reporter.for_device(device)
    generator = PictureModel.open(bundle, device, threads)
    model = generator.bundle.name("text-to-image")
    writer = None if llm is None else open_writer(llm, llm_model, llm_timeout, lambda text: click.echo(text, err=True))
    taken = names_of_others(out, range(seed, seed + n), family or 0)
    entries = EntryGenerator(generator).entries(n, seed, filter, writer, shiny=shiny, family=family, taken=taken)
    with (
        progress(n * (1 if family is None else family + 1), shown=not reporter.quiet, unit="Pokémon") as step,
        closing(write_dex(entries, out)) as cards,
    ):
        keeps("finished cards are kept, and dex.json lists them")
        for card in cards:
            reporter.report(replace(card, model=model) if isinstance(card, Card) else card)
            step()
