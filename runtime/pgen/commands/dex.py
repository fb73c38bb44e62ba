"""``pgen dex``: whole new Pokémon."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pgen.commands.options import FOLDER, asking, telling, where
from pokegan.cli import Command

if TYPE_CHECKING:
    from pgen.commands.output import Manner
    from pgen.stats.rows import Asked


@click.command("dex", cls=Command)
@click.option("-n", "n", type=click.IntRange(1, 10**6), default=1, show_default=True, help="how many")
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="of the first; the next add 1"
)
@asking
@click.option("--out", metavar="DIR", type=FOLDER, default=Path("dex"), show_default=True, help="folder of the cards")
@click.option("--llm", metavar="URL", help="let this OpenAI-compatible endpoint write names and descriptions")
@click.option("--llm-model", metavar="NAME", help="a model of the endpoint  [default: the first that it lists]")
@click.option(
    "--llm-timeout", type=click.FloatRange(0.1, 3600), default=60.0, show_default=True, help="seconds for an answer"
)
@where
@telling
def dex(
    n: int,
    seed: int,
    asked: "Asked",
    out: Path,
    llm: str | None,
    llm_model: str | None,
    llm_timeout: float,
    bundle: Path | None,
    device: str,
    threads: int,
    manner: "Manner",
) -> None:
    """Make whole new Pokémon, with a card for each.

    A card is a PNG and an HTML page; one dex.json lists them. Stats and types come from the stats GAN, the name from a
    model of letters that never gives a known one, genus and description from sentences that agree with the numbers, and
    the picture from the text-to-picture GAN. All of it depends on the seed and on what was asked. --llm sends those
    numbers, and nothing else, to the endpoint; its key, if it needs one, is read from POKEGAN_LLM_KEY. Where the
    endpoint fails, a line on stderr says so.
    """
    from pgen.api import load
    from pgen.bundle.reader import EMBEDDED
    from pgen.dex.entry import Maker
    from pgen.dex.job import write_dex
    from pgen.dex.llm import writer_at
    from pokegan.progress import progress

    if llm is None and llm_model is not None:
        raise click.UsageError("--llm-model is a model of an endpoint: add --llm URL")
    source = click.get_current_context().get_parameter_source("llm_timeout")
    if llm is None and source is not ParameterSource.DEFAULT:
        raise click.UsageError("--llm-timeout is of an endpoint: add --llm URL")
    manner = manner.on(device)
    maker = Maker(load(bundle or EMBEDDED, device, threads))
    model = maker.generator.bundle.name("text-to-image")
    writer = None if llm is None else writer_at(llm, llm_model, llm_timeout, lambda text: click.echo(text, err=True))
    entries = maker.entries(n, seed, asked, writer)
    with progress(n, shown=not manner.quiet, unit="Pokémon") as step, closing(write_dex(entries, out)) as cards:
        for card in cards:
            manner.tell(replace(card, model=model))
            step()
