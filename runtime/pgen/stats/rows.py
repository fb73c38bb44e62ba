"""Rows of stats, types and rarity, as columns and one by one, and the conditions that rows can be filtered by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgen.bundle.reader import Model
from pgen.errors import RequestInvalid
from pgen.request import integer, texts

LOWEST, HIGHEST = 1, 255
"""Range of one stat."""


@dataclass(frozen=True)
class RowFilter:
    """Conditions that every row must satisfy; by default there are none.

    Attributes:
        types: one or two types that a row must have.
        total: sum of the six stats, met exactly.
        rarity: a rarity that the model knows, such as "legendary".
    """

    types: tuple[str, ...] = ()
    total: int | None = None
    rarity: str | None = None

    def __post_init__(self) -> None:
        """Check the kinds of the values.

        Raises:
            RequestInvalid: a value is of another kind.
        """
        if self.total is not None:
            object.__setattr__(self, "total", integer("total", self.total))
        for name, value in (*(("type", kind) for kind in self.types), ("rarity", self.rarity or "")):
            if not isinstance(value, str):
                raise RequestInvalid(f"{name} {value!r}: must be text")


def row_filter(
    type: str | Sequence[str] = (), total: int | None = None, rarity: str | None = None, legendary: bool = False
) -> RowFilter:
    """Build a filter; `legendary` is short for the rarity of that name.

    >>> row_filter("Fire", total=600, legendary=True)
    RowFilter(types=('fire',), total=600, rarity='legendary')

    Raises:
        RequestInvalid: the conditions contradict each other.
    """
    conditions = RowFilter(tuple(texts(type)), total, rarity)
    if legendary and conditions.rarity not in (None, "legendary"):
        raise RequestInvalid(f"a row cannot be both {conditions.rarity[:40]!r} and legendary; choose one")
    types = tuple(name.lower() for name in conditions.types)
    return replace(conditions, types=types, rarity="legendary" if legendary else rarity)


class Conditions(NamedTuple):
    """Inputs of a stats model: `types` (18,), `total` (1,), `rarity` (4,), float32; zeros are no condition."""

    types: NDArray[np.float32]
    total: NDArray[np.float32]
    rarity: NDArray[np.float32]


def conditions(filter: RowFilter, model: Model) -> Conditions:
    """Convert a filter into inputs of a stats model.

    Raises:
        RequestInvalid: the model does not know a type or the rarity, or the total is out of range.
    """
    types, rarities = model.settings["type_names"], model.settings["rarity_names"]
    count = len(model.settings["stat_names"])
    _check_names("type", filter.types, types)
    _check_names("rarity", () if filter.rarity is None else (filter.rarity,), rarities)
    if len(filter.types) > 2 or len(set(filter.types)) < len(filter.types):
        listed = ", ".join(filter.types)
        raise RequestInvalid(f"types {listed} cannot be combined; choose one, or two different ones")
    if filter.total is not None and not LOWEST * count <= filter.total <= HIGHEST * count:
        raise RequestInvalid(f"total {filter.total}: must be from {LOWEST * count} to {HIGHEST * count}")
    chosen = np.array([name in filter.types for name in types], np.float32)
    rarity = np.array([name == filter.rarity for name in rarities], np.float32)
    return Conditions(chosen, np.array([filter.total or 0], np.float32), rarity)


def _check_names(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise RequestInvalid(f"unknown {what} {name[:40]!r}; choose from {', '.join(known)}")


@dataclass(frozen=True)
class Row:
    """One Pokémon: its `seed`, its `stats` by name, one or two `types`, and its `rarity`."""

    seed: int
    stats: Mapping[str, int]
    types: tuple[str, ...]
    rarity: str

    @property
    def total(self) -> int:
        """The base stat total."""
        return sum(self.stats.values())

    def described(self) -> dict[str, Any]:
        """Describe the row as a flat object, ready for JSON."""
        numbers = {"seed": self.seed} | dict(self.stats) | {"total": self.total}
        return numbers | {"types": list(self.types), "rarity": self.rarity}


@dataclass(frozen=True)
class Rows:
    """N rows as columns; iterating yields each as a :class:`Row`.

    Attributes:
        seeds: uint64 (N,).
        stats: uint8 (N, 6), 1 to 255, in the order of the model's stat_names.
        pairs: uint8 (N, 2), indices into the model's type_names; a second equal to their number stands for none.
        rarities: uint8 (N,), indices into the model's rarity_names.
        settings: the names, see :class:`pgen.bundle.reader.Model`.
    """

    seeds: NDArray[np.uint64]
    stats: NDArray[np.uint8]
    pairs: NDArray[np.uint8]
    rarities: NDArray[np.uint8]
    settings: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.seeds)

    def __iter__(self) -> Iterator[Row]:
        names = self.settings["stat_names"]
        types, rarities = [*self.settings["type_names"]], self.settings["rarity_names"]
        columns = (self.seeds.tolist(), self.stats.tolist(), self.pairs.tolist(), self.rarities.tolist())
        for seed, stats, pair, rarity in zip(*columns, strict=True):
            kinds = tuple(types[kind] for kind in pair if kind < len(types))
            yield Row(seed, dict(zip(names, stats, strict=True)), kinds, rarities[rarity])

    def __getitem__(self, part: slice) -> "Rows":
        """Take a slice."""
        return Rows(self.seeds[part], self.stats[part], self.pairs[part], self.rarities[part], self.settings)

    @property
    def totals(self) -> NDArray[np.int64]:
        """Base stat totals, int64 (N,)."""
        return self.stats.sum(1, dtype=np.int64)  # type: ignore[no-any-return]


def joined(parts: Sequence[Rows]) -> Rows:
    """Concatenate rows of one model; `parts` must not be empty."""
    columns = zip(*((part.seeds, part.stats, part.pairs, part.rarities) for part in parts), strict=True)
    seeds, stats, pairs, rarities = (np.concatenate(column) for column in columns)
    return Rows(seeds, stats, pairs, rarities, parts[0].settings)
