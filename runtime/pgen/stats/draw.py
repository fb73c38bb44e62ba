"""Rows from seeds: any number of them, a block at a time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import run
from pgen.bundle.reader import Model
from pgen.errors import BundleInvalid, RequestInvalid
from pgen.latents import MAX_SEED, latents
from pgen.stats.rows import LOWEST, Asked, Conditions, Rows, conditions

if TYPE_CHECKING:
    from pgen.api import Generator

BLOCK = 512
"""Seeds that are always drawn together: as fast as any larger batch on a CPU, and small enough for one row.

Every seed has its place in one block, so a row cannot depend on how many were asked for, not even where the model
computes another batch in another order and a number lies on the edge between two integers.
"""

MAX_ROWS = 10**9


def stream(generator: "Generator", n: int, seed: int = 0, asked: Asked | None = None) -> Iterator[Rows]:
    """Draw the rows of `n` seeds that count up from `seed`, at most BLOCK at a time; memory stays flat.

    Raises:
        RequestInvalid: something was asked that no row can be; nothing was drawn.
        BundleNotFound: the bundle has no stats model.
        BundleInvalid: its model gave a row that is not valid.
    """
    if not 1 <= n <= MAX_ROWS:
        raise RequestInvalid(f"{n} rows: ask for 1 to {MAX_ROWS:,}")
    if not 0 <= seed <= MAX_SEED + 1 - n:
        raise RequestInvalid(f"seed {seed}: seeds run from 0 to {MAX_SEED}, the last row's too")
    model = generator.bundle.model("stats")
    wanted = conditions(asked or Asked(), model)
    return _blocks(generator, model, wanted, range(seed, seed + n))


def _blocks(generator: "Generator", model: Model, wanted: Conditions, seeds: range) -> Iterator[Rows]:
    for first in range(seeds.start // BLOCK * BLOCK, seeds.stop, BLOCK):
        block = _draw(generator, model, wanted, range(first, first + BLOCK))
        _check(block, wanted, str(generator.bundle.folder / model.file))
        yield block[max(0, seeds.start - first) : seeds.stop - first]


def _draw(generator: "Generator", model: Model, wanted: Conditions, seeds: range) -> Rows:
    latent = latents(seeds, model.settings["latent_dim"])
    asked = {name: np.tile(value, (len(seeds), 1)) for name, value in wanted._asdict().items()}
    asked["total"] = asked["total"][:, 0]
    outputs = ["stats", "type_pair", "rarity_index"]
    stats, pairs, rarities = run(generator.session(model), outputs, {"latent": latent} | asked)
    return Rows(np.array(seeds, np.uint64), stats, pairs, rarities, model.settings)


def _check(rows: Rows, wanted: Conditions, file: str) -> None:
    """Check that rows are valid and have what was asked.

    Raises:
        BundleInvalid: one is or has not. The model that pgtrain trains cannot give such a row; another's can.
    """
    bad = ~(_valid(rows) & _obeys(rows, wanted))
    if bad.any():
        raise BundleInvalid(f"{file}: draws no valid row from seed {rows.seeds[bad][0]}; export the bundle again")


def _valid(rows: Rows) -> NDArray[np.bool_]:
    types, rarities = len(rows.settings["type_names"]), len(rows.settings["rarity_names"])
    first, second = rows.pairs.T
    kinds = (first < types) & (second <= types) & (first != second)
    valid: NDArray[np.bool_] = (rows.stats >= LOWEST).all(1) & kinds & (rows.rarities < rarities)
    return valid


def _obeys(rows: Rows, wanted: Conditions) -> NDArray[np.bool_]:
    total = (wanted.total == 0) | (rows.totals == wanted.total)
    types = [(rows.pairs == kind).any(1) for kind in wanted.types.nonzero()[0]]
    rarity = (not wanted.rarity.any()) | (rows.rarities == wanted.rarity.argmax())
    return np.logical_and.reduce([total, rarity, *types])  # type: ignore[no-any-return]
