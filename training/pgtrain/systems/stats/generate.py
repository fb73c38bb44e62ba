"""Rows from a trained generator, under conditions."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pgtrain.config import from_dict
from pgtrain.data.stats_rows import HIGHEST, LOWEST, RARITIES, STATS, TYPES, Row
from pgtrain.engine import checkpoint
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.run import Run
from pgtrain.errors import RequestInvalid, RunInvalid
from pgtrain.systems.base import Architecture, Weights
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.networks import KINDS, RARE, Conditions, Drawn, Generator
from pgtrain.systems.stats.table import decode, encode
from pokegan.errors import one_line


def generate(
    generator: Generator,
    n: int,
    *,
    seed: int | None = None,
    latents: Tensor | None = None,
    type: str | Sequence[str] | None = None,
    total: int | None = None,
    rarity: str | None = None,
) -> list[Row]:
    """Generate `n` Pokémon.

    Args:
        generator: a trained generator; it is used in evaluation mode.
        n: number of rows.
        seed: of the latents, if none are given; equal seeds give equal rows on every machine.
        latents: float (n, generator.latent_dim), standard normal.
        type: one or two of TYPES, which every row has.
        total: the exact sum of the six stats, 6..1530.
        rarity: one of RARITIES.

    Raises:
        RequestInvalid: no Pokémon can meet the conditions.
    """
    inputs = conditions(n, type, total, rarity)
    if latents is None:
        latents = torch.randn(n, generator.latent_dim, generator=torch.Generator().manual_seed(seed or 0))
    if latents.shape != (n, generator.latent_dim):
        raise RequestInvalid(
            f"latents are {tuple(latents.shape)}, expected {(n, generator.latent_dim)}: one row for each Pokémon"
        )
    device, training = generator.scale.device, generator.training
    with torch.no_grad():
        drawn: Drawn = generator.eval()(latents.to(device), *(value.to(device) for value in inputs))
    generator.train(training)
    return decode(drawn.stats.round().long(), drawn.pair.argmax(1), drawn.rarity.argmax(1))


def load(folder: Path) -> Generator:
    """Load the averaged generator of the run in `folder`, on the CPU.

    Raises:
        RunNotFound, RunInvalid: there is no run of the stats GAN, or it is damaged.
    """
    run = Run(folder)
    described = run.described()
    if described["system"] != "stats":
        raise RunInvalid(f"{folder}: is a run of {described['system']}; choose a run of stats")
    weights, _ = checkpoint.read(run.checkpoint, "network.average.module.")
    try:
        generator = rebuild(from_dict(StatsConfig, described["config"], str(folder)), weights).network
        generator.load_state_dict(weights)
        return cast(Generator, generator.eval())
    except (RuntimeError, IndexError, ValueError) as error:
        raise RunInvalid(f"{run.checkpoint}: does not fit this run's networks ({one_line(error)})") from error


def rebuild(config: StatsConfig, weights: Weights, position: Position | None = None) -> Architecture:
    """Rebuild the generator of a run, with room for as many training rows as its own."""
    rows = [Row((1,) * len(STATS), TYPES[:1])] * len(weights.get("seen_total", ()))
    generator = Generator(config, encode(rows))
    return Architecture(generator, generator.latent_dim)


def conditions(
    n: int, type: str | Sequence[str] | None = None, total: int | None = None, rarity: str | None = None
) -> Conditions:
    """Make the generator's inputs for `n` rows of the same conditions.

    Raises:
        RequestInvalid: as :func:`generate`.
    """
    kinds = [type] if isinstance(type, str) else list(type or ())
    for kind in kinds:
        if kind not in TYPES:
            raise RequestInvalid(f"no such type: {kind!r}; the types are {', '.join(TYPES)}")
    if len(kinds) > 2 or len(set(kinds)) < len(kinds):
        raise RequestInvalid(f"types {', '.join(kinds)} cannot be combined; choose one, or two different ones")
    least, most = LOWEST * len(STATS), HIGHEST * len(STATS)
    if total is not None and not least <= total <= most:
        raise RequestInvalid(f"total {total}: must be from {least} to {most}")
    if rarity is not None and rarity not in RARITIES:
        raise RequestInvalid(f"no such rarity: {rarity!r}; the rarities are {', '.join(RARITIES)}")
    types, flags = torch.zeros(KINDS), torch.zeros(RARE)
    types[[TYPES.index(kind) for kind in kinds]] = 1
    if rarity is not None:
        flags = F.one_hot(torch.tensor(RARITIES.index(rarity)), RARE).float()
    return Conditions(types.expand(n, -1), torch.full((n,), float(total or 0)), flags.expand(n, -1))
