"""A whole new Pokémon, and how one comes from a seed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pgen.dex.names import Known, Lexicon, load_lexicon
from pgen.dex.rng import Dice, Stream
from pgen.dex.templates import Looks, describe, genus, phrases, prompt_for
from pgen.errors import BundleInvalid
from pgen.request import Request
from pgen.stats.draw import stream
from pgen.stats.rows import Asked, Row, Rows

if TYPE_CHECKING:
    from pgen.api import Generator

GRAMMAR = "pgen"
"""Who wrote an entry's words, where no language model did."""


@dataclass(frozen=True)
class Words:
    """Name, genus such as "Cinder Racer Pokémon", and description; `author` is GRAMMAR or a language model's name."""

    name: str
    genus: str
    description: str
    author: str = GRAMMAR


@dataclass(frozen=True)
class Entry:
    """A whole new Pokémon.

    Attributes:
        words: its name, genus and description.
        row: its seed, stats, types and rarity.
        looks: its colour and shape.
        pixels: its picture, straight RGBA uint8 (S, S, 4), drawn from `prompt` and the row's seed.
        bundle: digest of the bundle that drew it.
    """

    words: Words
    row: Row
    looks: Looks
    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    bundle: str = ""

    @property
    def prompt(self) -> str:
        """What the picture was drawn from."""
        return prompt_for(self.row, self.looks)

    def described(self) -> dict[str, Any]:
        """Tell all but the picture, ready for JSON."""
        words, row = self.words, self.row
        return {
            "name": words.name,
            "genus": words.genus,
            "types": list(row.types),
            "rarity": row.rarity,
            "stats": dict(row.stats),
            "total": row.total,
            "description": words.description,
            "color": self.looks.color,
            "shape": self.looks.shape,
            "prompt": self.prompt,
            "seed": row.seed,
            "words_by": words.author,
            "bundle": self.bundle,
        }


class Writer(Protocol):
    """Who may write an entry's words in the grammar's place."""

    def __call__(self, drafted: Words, row: Row, looks: Looks, known: Known) -> Words:
        """Write the words of one entry; `drafted` are the grammar's, to fall back on."""
        ...


class Maker:
    """Makes entries from seeds; each depends on its seed, the bundle and what is asked alone."""

    def __init__(self, generator: "Generator", lexicon: Lexicon | None = None) -> None:
        self.generator = generator
        self.lexicon = lexicon or load_lexicon()

    @cached_property
    def known(self) -> Known:
        """The names that exist: those that the lexicon was learned from, and those of the bundle."""
        return Known([*self.lexicon.known, *self.generator.bundle.known_names])

    def entries(self, n: int, seed: int, asked: Asked, writer: Writer | None = None) -> Iterator[Entry]:
        """Make `n` entries with seeds that count up from `seed`, one by one; words come from `writer` where given.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was made.
        """
        self._check()
        return self._made(stream(self.generator, n, seed, asked), writer)

    def _check(self) -> None:
        generator = self.generator
        _ = generator.model  # a bundle that cannot draw pictures is told of before anything is written
        settings = generator.bundle.model("stats").settings
        strange = {*settings["type_names"]} - {*phrases()["types"]} | {*settings["stat_names"]} - {*phrases()["high"]}
        if strange:
            raise BundleInvalid(f"{generator.bundle.folder}: pgen dex has no words for {', '.join(sorted(strange))}")

    def _made(self, parts: Iterable[Rows], writer: Writer | None) -> Iterator[Entry]:
        generator = self.generator
        for rows in parts:
            for row in rows:
                looks = self.looks(row)
                words = self.words(row, looks)
                if writer is not None:
                    words = writer(words, row, looks, self.known)
                pixels = generator.draw_batch([Request(prompt_for(row, looks), row.seed)])[0]
                yield Entry(words, row, looks, pixels, generator.bundle.digest)

    def looks(self, row: Row) -> Looks:
        """Choose colour and shape as often as known Pokémon of these types have them; the first type counts double."""
        dice = Dice(row.seed, Stream.LOOKS)
        color, shape = (_shares(table, row.types) for table in (self.lexicon.colors, self.lexicon.shapes))
        told = {name: share for name, share in shape.items() if name in phrases()["shapes"]}
        return Looks(dice.weighted(color), dice.weighted(told))

    def words(self, row: Row, looks: Looks) -> Words:
        """Write name, genus and description by model and grammar."""
        name = self.lexicon.name(Dice(row.seed, Stream.NAME), row.types, self.known)
        dice = Dice(row.seed, Stream.TEXT)
        return Words(name, genus(row, dice), describe(name, row, looks, dice))


def _shares(table: dict[str, dict[str, int]], types: tuple[str, ...]) -> dict[str, float]:
    shares: Counter[str] = Counter()
    for weight, kind in zip((2.0, 1.0), types, strict=False):
        counts = table[kind]
        for value, count in counts.items():
            shares[value] += weight * count / sum(counts.values())  # type: ignore[assignment]
    return dict(sorted(shares.items()))
