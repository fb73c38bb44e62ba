"""Generation of rows from seeds, in blocks, so that memory use is constant."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import run
from pgen.bundle.reader import Model
from pgen.errors import BundleInvalid, RequestInvalid
from pgen.images.model import PictureModel
from pgen.latents import MAX_SEED, latents
from pgen.request import integer
from pgen.stats.rows import LOWEST, Conditions, RowFilter, Rows, conditions

BLOCK = 512
"""Seeds that are always generated together: as fast as any larger batch on a CPU, and fast enough for one row.

Every seed has a fixed position in its block, so that a row cannot depend on the number of rows: the order of a model's
sums depends on the batch size, and could round a value to another integer.
"""

MAX_ROWS = 10**9


def stream(generator: PictureModel, n: int, seed: int = 0, filter: RowFilter | None = None) -> Iterator[Rows]:
    """Generate the rows of `n` seeds that count up from `seed`, at most BLOCK at a time; memory use is constant.

    Raises:
        RequestInvalid: no row can satisfy `filter`, or `n` or `seed` are out of range; nothing was generated.
        BundleNotFound: the bundle has no stats model.
        BundleInvalid: the model generated an invalid row.
    """
    n, seed = integer("n", n), integer("seed", seed)
    if not 1 <= n <= MAX_ROWS:
        raise RequestInvalid(f"{n} rows: must be from 1 to {MAX_ROWS:,}")
    if not 0 <= seed <= MAX_SEED + 1 - n:
        raise RequestInvalid(f"seed {seed}: seeds range from 0 to {MAX_SEED}, including that of the last row")
    model = generator.bundle.model("stats")
    inputs = conditions(filter or RowFilter(), model)
    return _blocks(generator, model, inputs, range(seed, seed + n))


def _blocks(generator: PictureModel, model: Model, inputs: Conditions, seeds: range) -> Iterator[Rows]:
    for first in range(seeds.start // BLOCK * BLOCK, seeds.stop, BLOCK):
        block = _draw(generator, model, inputs, range(first, first + BLOCK))
        _check(block, inputs, str(generator.bundle.folder / model.file))
        yield block[max(0, seeds.start - first) : seeds.stop - first]


def _draw(generator: PictureModel, model: Model, inputs: Conditions, seeds: range) -> Rows:
    latent = latents(seeds, model.settings["latent_dim"])
    feeds = {name: np.tile(value, (len(seeds), 1)) for name, value in inputs._asdict().items()}
    feeds["total"] = feeds["total"][:, 0]
    outputs = ["stats", "type_pair", "rarity_index"]
    stats, pairs, rarities = run(generator.session(model), outputs, {"latent": latent} | feeds)
    return Rows(np.array(seeds, np.uint64), stats, pairs, rarities, model.settings)


def _check(rows: Rows, inputs: Conditions, file: str) -> None:
    """Check that rows are valid and satisfy the conditions.

    Raises:
        BundleInvalid: a row does not. Models trained by pgtrain cannot generate such a row; others may.
    """
    bad = ~(_valid(rows) & _satisfies(rows, inputs))
    if bad.any():
        raise BundleInvalid(f"{file}: generates an invalid row from seed {rows.seeds[bad][0]}; export the bundle again")


def _valid(rows: Rows) -> NDArray[np.bool_]:
    types, rarities = len(rows.settings["type_names"]), len(rows.settings["rarity_names"])
    first, second = rows.pairs.T
    kinds = (first < types) & (second <= types) & (first != second)
    valid: NDArray[np.bool_] = (rows.stats >= LOWEST).all(1) & kinds & (rows.rarities < rarities)
    return valid


def _satisfies(rows: Rows, inputs: Conditions) -> NDArray[np.bool_]:
    total = (inputs.total == 0) | (rows.totals == inputs.total)
    types = [(rows.pairs == kind).any(1) for kind in inputs.types.nonzero()[0]]
    rarity = (not inputs.rarity.any()) | (rows.rarities == inputs.rarity.argmax())
    return np.logical_and.reduce([total, rarity, *types])  # type: ignore[no-any-return]
