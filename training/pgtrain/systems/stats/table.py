"""Rows as tensors, and the quantile tables that map Gaussian numbers to integers."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor

from pgtrain.data.dataset import moved, shuffled_batches
from pgtrain.data.options import DataOptions
from pgtrain.data.sources import fetched_table
from pgtrain.data.stats_rows import HIGHEST, PAIRS, RARITIES, TYPES, Row, read_table
from pgtrain.errors import DataInvalid
from pgtrain.systems.stats.plot import distributions

FEWEST = 2
"""Rows that a standard deviation needs."""

NEIGHBORS, ANYWHERE, REACH = 0.05, 1e-4, 4.0
"""Probability that a quantile table adds to values near training values (deviation REACH) and to all values."""


@dataclass
class Table:
    """The rows of a data set on one device, N of them.

    `stats` int64 (N, 6) in 1..255; `pairs` int64 (N,) indexes PAIRS; `rarities` int64 (N,) indexes RARITIES.
    An epoch is `passes` passes over them, because one takes milliseconds.
    """

    stats: Tensor
    pairs: Tensor
    rarities: Tensor
    names: list[str]
    digest: str
    passes: int = 1

    def __len__(self) -> int:
        return len(self.stats)

    @property
    def identity(self) -> dict[str, str]:
        """Facts of the data that must be equal when a run is resumed."""
        return {"digest": self.digest}

    @property
    def totals(self) -> Tensor:
        """Base stat totals, int64 (N,)."""
        return self.stats.sum(1)

    def to(self, device: torch.device) -> Self:
        """Move every tensor to `device`."""
        return moved(self, device)

    def batches(self, size: int, order: torch.Generator) -> Iterator[Tensor]:
        """Yield the index tensors of one epoch, each int64 (size,), shuffled anew in each pass."""
        for _ in range(self.passes):
            yield from shuffled_batches(len(self), size, order, self.stats.device)

    def preview(self) -> Image.Image:
        """Draw the distributions of the rows, as the grids of a run do."""
        return distributions(self.stats.cpu(), self.pairs.cpu())


def encode(rows: Sequence[Row], digest: str = "", passes: int = 1) -> Table:
    """Turn rows into tensors; the inverse of :func:`decode`."""
    indices = {pair: index for index, pair in enumerate(PAIRS)}
    kinds = [[*map(TYPES.index, row.types), len(TYPES)][:2] for row in rows]
    return Table(
        stats=torch.tensor([row.stats for row in rows]),
        pairs=torch.tensor([indices[first, second] for first, second in kinds]),
        rarities=torch.tensor([RARITIES.index(row.rarity) for row in rows]),
        names=list(dict.fromkeys(row.name for row in rows)),
        digest=digest,
        passes=passes,
    )


def decode(stats: Tensor, pairs: Tensor, rarities: Tensor) -> list[Row]:
    """Turn `stats` (N, 6), `pairs` (N,) and `rarities` (N,) into rows.

    Raises:
        ValueError: a number is out of its range.
    """
    listed = zip(stats.tolist(), pairs.tolist(), rarities.tolist(), strict=True)
    rows = []
    for values, pair, rarity in listed:
        types = tuple(TYPES[kind] for kind in PAIRS[pair] if kind < len(TYPES))
        rows.append(Row(tuple(int(value) for value in values), types, RARITIES[rarity]))
    return rows


def read(
    data: str | Path | Sequence[str | Path],
    config: Any,
    encoder: str | None,
    options: DataOptions,
) -> Table:
    """Read the rows that the stats GAN trains on; see :func:`pgtrain.data.stats_rows.read_table`."""
    places = [data] if isinstance(data, str | Path) else [*data]
    tables = [read_table(fetched_table(place)) for place in places]
    for place, table in zip(places, tables, strict=True):
        if table.unused:
            print(f"{place}: columns not used: {', '.join(table.unused)}", file=sys.stderr)
    rows = [row for table in tables for row in table.rows]
    if len(rows) < FEWEST:
        raise DataInvalid(f"{places[0]}: has {len(rows)} row; training needs at least {FEWEST} rows")
    digests = [table.digest for table in tables]
    content = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return encode(rows, content, config.passes)


def cumulative(values: Tensor) -> Tensor:
    """Cumulative probabilities of integers 0..255, float64 (..., 256), from samples int64 (N, ...).

    Every integer of 1..255 has some probability, so that every valid row can be encoded.
    """
    counts = torch.nn.functional.one_hot(values, HIGHEST + 1).double().mean(0)
    grid = torch.arange(HIGHEST + 1, dtype=torch.float64, device=values.device)
    kernel = torch.exp(-0.5 * ((grid[:, None] - grid) / REACH) ** 2)
    kernel[:, 0] = 0
    near = counts @ (kernel / kernel.sum(1, keepdim=True))
    mixed = (1 - NEIGHBORS - ANYWHERE) * counts + NEIGHBORS * near
    mixed[..., 1:] += ANYWHERE / HIGHEST
    edges: Tensor = mixed.cumsum(-1) / mixed.sum(-1, keepdim=True)
    return edges


def gaussian(probabilities: Tensor) -> Tensor:
    """The standard normal's quantiles of float64 `probabilities`, float32, finite."""
    quantiles: Tensor = torch.special.ndtri(probabilities.clamp(1e-9, 1 - 1e-9))
    return quantiles.float()
