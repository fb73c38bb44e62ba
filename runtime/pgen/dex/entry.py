"""Whole new Pokémon, and their generation from seeds."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pgen.dex.templates import Appearance, colors_for, describe, genus, phrases, prompt_for
from pgen.errors import BundleInvalid
from pgen.images.model import PictureModel
from pgen.lexicon import KnownNames, Lexicon, load_lexicon
from pgen.request import Request
from pgen.rng import Rng, Stream
from pgen.stats.draw import stream
from pgen.stats.rows import Row, RowFilter, Rows

TEMPLATES = "pgen"
"""Author of words that come from the templates, and not from a language model."""


@dataclass(frozen=True)
class Words:
    """Name, genus such as "Cinder Racer Pokémon", and description; `author` is TEMPLATES or a language model."""

    name: str
    genus: str
    description: str
    author: str = TEMPLATES


@dataclass(frozen=True)
class Entry:
    """A whole new Pokémon.

    Attributes:
        words: its name, genus and description.
        row: its seed, stats, types and rarity.
        appearance: its color and shape.
        pixels: its picture, straight RGBA uint8 (S, S, 4), generated from `prompt`, `colors` and the row's seed.
        bundle: digest of the bundle that generated it.
        colors: the text that asked for the colors; empty where the model takes none apart.
    """

    words: Words
    row: Row
    appearance: Appearance
    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    bundle: str = ""
    colors: str = ""

    @property
    def prompt(self) -> str:
        """The prompt of the picture."""
        return prompt_for(self.row, self.appearance)

    def described(self) -> dict[str, Any]:
        """Describe everything but the picture, ready for JSON."""
        words, row = self.words, self.row
        return {
            "name": words.name,
            "genus": words.genus,
            "types": list(row.types),
            "rarity": row.rarity,
            "stats": dict(row.stats),
            "total": row.total,
            "description": words.description,
            "color": self.appearance.color,
            "shape": self.appearance.shape,
            "prompt": self.prompt,
            "colors": self.colors,
            "seed": row.seed,
            "words_by": words.author,
            "bundle": self.bundle,
        }


class Writer(Protocol):
    """Writes the words of entries instead of the templates."""

    def __call__(self, drafted: Words, row: Row, appearance: Appearance, known: KnownNames) -> Words:
        """Write the words of one entry; `drafted` come from the templates, to fall back on."""
        ...


class EntryGenerator:
    """Generates entries from seeds; each depends only on its seed, the bundle and the filter."""

    def __init__(self, generator: PictureModel, lexicon: Lexicon | None = None) -> None:
        self.generator = generator
        self.lexicon = lexicon or load_lexicon()

    @cached_property
    def known(self) -> KnownNames:
        """Existing names: those that the lexicon was trained on, and those of the bundle."""
        return KnownNames([*self.lexicon.known, *self.generator.bundle.known_names])

    def entries(self, n: int, seed: int, filter: RowFilter, writer: Writer | None = None) -> Iterator[Entry]:
        """Generate `n` entries with seeds that count up from `seed`, one by one, with words from `writer` if given.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        self._check()
        return self._generate(stream(self.generator, n, seed, filter), writer)

    def _check(self) -> None:
        generator = self.generator
        _ = generator.model  # a bundle without the model fails before anything is written
        settings = generator.bundle.model("stats").settings
        unknown = {*settings["type_names"]} - {*phrases()["types"]} | {*settings["stat_names"]} - {*phrases()["high"]}
        if unknown:
            raise BundleInvalid(f"{generator.bundle.folder}: no templates for {', '.join(sorted(unknown))}")

    def _generate(self, parts: Iterable[Rows], writer: Writer | None) -> Iterator[Entry]:
        generator = self.generator
        for rows in parts:
            for row in rows:
                appearance = self.appearance(row)
                words = self.words(row, appearance)
                if writer is not None:
                    words = writer(words, row, appearance, self.known)
                colors = colors_for(row, appearance) if generator.model.mixes else ""
                request = Request(prompt_for(row, appearance), row.seed, colors=colors)
                pixels = generator.draw_batch([request])[0]
                yield Entry(words, row, appearance, pixels, generator.bundle.digest, colors)

    def appearance(self, row: Row) -> Appearance:
        """Pick color and shape by their frequency among known Pokémon of these types; the first counts double."""
        rng = Rng(row.seed, Stream.APPEARANCE)
        colors, shapes = (_shares(table, row.types) for table in (self.lexicon.colors, self.lexicon.shapes))
        described = {name: share for name, share in shapes.items() if name in phrases()["shapes"]}
        return Appearance(rng.weighted(colors), rng.weighted(described))

    def words(self, row: Row, appearance: Appearance) -> Words:
        """Write name, genus and description with the name model and the templates."""
        name = self.lexicon.name(Rng(row.seed, Stream.NAME), row.types, self.known)
        rng = Rng(row.seed, Stream.TEXT)
        return Words(name, genus(row, rng), describe(name, row, appearance, rng))


def _shares(table: dict[str, dict[str, int]], types: tuple[str, ...]) -> dict[str, float]:
    shares: Counter[str] = Counter()
    for weight, kind in zip((2.0, 1.0), types, strict=False):
        counts = table[kind]
        for value, count in counts.items():
            shares[value] += weight * count / sum(counts.values())  # type: ignore[assignment]
    return dict(sorted(shares.items()))
