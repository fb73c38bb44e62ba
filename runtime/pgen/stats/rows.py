"""What is asked of rows, and the rows: columns of many, and one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgen.bundle.reader import Model
from pgen.errors import RequestInvalid

LOWEST, HIGHEST = 1, 255
"""Of one stat."""


@dataclass(frozen=True)
class Asked:
    """What every row must have; by default nothing is asked.

    Attributes:
        types: one or two types; a row of two has one type that was asked for, or both.
        total: what the six stats sum to, exactly.
        rarity: a rarity that the model knows, such as "legendary".
    """

    types: tuple[str, ...] = ()
    total: int | None = None
    rarity: str | None = None


def ask(
    type: str | Sequence[str] = (), total: int | None = None, rarity: str | None = None, legendary: bool = False
) -> Asked:
    """Ask for rows, in the words of the command line; `legendary` is the rarity of that name.

    >>> ask("Fire", total=600, legendary=True)
    Asked(types=('fire',), total=600, rarity='legendary')

    Raises:
        RequestInvalid: more was asked than goes together.
    """
    types = (type,) if isinstance(type, str) else tuple(type)
    if legendary and rarity not in (None, "legendary"):
        raise RequestInvalid(f"a row cannot be {rarity} and legendary; ask for one of them")
    return Asked(tuple(name.lower() for name in types), total, "legendary" if legendary else rarity)


class Conditions(NamedTuple):
    """What is asked, for a model: `types` (18,), `total` (1,), `rarity` (4,), float32; zeros ask for nothing."""

    types: NDArray[np.float32]
    total: NDArray[np.float32]
    rarity: NDArray[np.float32]


def conditions(asked: Asked, model: Model) -> Conditions:
    """Turn what is asked into the inputs of a stats model.

    Raises:
        RequestInvalid: it knows no such type or rarity, or the total cannot be.
    """
    types, rarities = model.settings["type_names"], model.settings["rarity_names"]
    count = len(model.settings["stat_names"])
    _check_names("type", asked.types, types)
    _check_names("rarity", () if asked.rarity is None else (asked.rarity,), rarities)
    if len(asked.types) > 2 or len(set(asked.types)) < len(asked.types):
        listed = ", ".join(asked.types)
        raise RequestInvalid(f"types {listed} cannot go together; ask for one, or for two different ones")
    if asked.total is not None and not LOWEST * count <= asked.total <= HIGHEST * count:
        raise RequestInvalid(
            f"total {asked.total}: {count} stats of {LOWEST} to {HIGHEST} sum to {LOWEST * count} to {HIGHEST * count}"
        )
    told = np.array([name in asked.types for name in types], np.float32)
    rarity = np.array([name == asked.rarity for name in rarities], np.float32)
    return Conditions(told, np.array([asked.total or 0], np.float32), rarity)


def _check_names(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise RequestInvalid(f"no such {what}: {name[:40]!r}; choose from {', '.join(known)}")


@dataclass(frozen=True)
class Row:
    """One Pokémon as numbers: the `seed` that it was drawn from, `stats` by name, one or two `types`, its `rarity`."""

    seed: int
    stats: Mapping[str, int]
    types: tuple[str, ...]
    rarity: str

    @property
    def total(self) -> int:
        """The base stat total."""
        return sum(self.stats.values())

    def described(self) -> dict[str, Any]:
        """Tell it as one flat object, ready for JSON."""
        numbers = {"seed": self.seed} | dict(self.stats) | {"total": self.total}
        return numbers | {"types": list(self.types), "rarity": self.rarity}


@dataclass(frozen=True)
class Rows:
    """N rows as columns; going through them gives each as a :class:`Row`.

    Attributes:
        seeds: uint64 (N,).
        stats: uint8 (N, 6), 1 to 255, in the order of the model's stat_names.
        pairs: uint8 (N, 2), indices into the model's type_names; a second of their number stands for none.
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
    """Put rows of one model behind one another; there must be some."""
    columns = zip(*((part.seeds, part.stats, part.pairs, part.rarities) for part in parts), strict=True)
    seeds, stats, pairs, rarities = (np.concatenate(column) for column in columns)
    return Rows(seeds, stats, pairs, rarities, parts[0].settings)
