"""Whole new Pokémon, and their generation from seeds."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgen.dex.family import check_family, earlier_filters, last_filter, parent_lines, real_lines
from pgen.dex.templates import Appearance, colors_for, describe, genus, phrases, prompt_for, relatives
from pgen.errors import BundleInvalid
from pgen.images.model import PictureModel
from pgen.lexicon import KnownNames, load_lexicon
from pgen.request import Request, choose_seeds
from pgen.rng import Rng, Stream
from pgen.stats.draw import stream
from pgen.stats.rows import Row, RowFilter
from pokegan.names import plain

STEM = 4
"""Letters that the names of a family share."""

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
class Draft:
    """A whole new Pokémon before its picture is drawn.

    Attributes:
        words: its name, genus and description.
        row: its seed, stats, types and rarity.
        appearance: its color and shape.
        request: the request of its picture.
    """

    words: Words
    row: Row
    appearance: Appearance
    request: Request


@dataclass(frozen=True)
class Entry(Draft):
    """A whole new Pokémon.

    Attributes:
        pixels: its picture, straight RGBA uint8 (S, S, 4).
        bundle: digest of the bundle that generated it.
        family: the names of its evolution line, itself included, from the first stage to the last; empty without one.
        backend: what drew the picture, see :func:`pgen.backends.registry.describe_session`.
    """

    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    bundle: str = ""
    family: tuple[str, ...] = ()
    backend: str = field(default="", compare=False)

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
            "prompt": self.request.prompt,
            "fused": [*self.request.fused],
            "colors": self.request.colors,
            "shiny": self.request.shiny,
            "seed": row.seed,
            "family": [*self.family],
            "words_by": words.author,
            "bundle": self.bundle,
        }


Writer = Callable[[Sequence[Draft], KnownNames, Container[str]], list[Words]]
"""Writes the words of one entry, or of all stages of an evolution line, instead of the templates.

Its arguments are the draft, or one of each stage, whose words are the fallback; existing names; and the names of other
entries, in lower case.
"""


class EntryGenerator:
    """Generates entries from seeds; each depends only on its seed, the bundle, the filter, and the names before it."""

    def __init__(self, generator: PictureModel) -> None:
        self.generator = generator
        self.lexicon = load_lexicon()

    @cached_property
    def known(self) -> KnownNames:
        """Existing names: those that the lexicon was trained on, and those of the bundle."""
        return KnownNames([*self.lexicon.known, *self.generator.bundle.known_names])

    def entries(
        self,
        n: int,
        seed: int,
        filter: RowFilter,
        writer: Writer | None = None,
        *,
        shiny: bool = False,
        family: int | None = None,
        taken: Iterable[str] = (),
    ) -> Iterator[Entry]:
        """Generate `n` entries with seeds that count up from `seed`, one by one.

        Args:
            n: number of entries, or of evolution lines.
            seed: of the first entry or line.
            filter: conditions, in a line of the last stage; without a rarity, lines are ordinary.
            writer: writes the words of entries; None for the templates.
            shiny: whether pictures are shiny.
            family: stages of evolution lines, which are generated stage by stage; None for single entries.
            taken: names that no entry may have.

        No name repeats: an entry whose name an earlier one or `taken` has gets its next best name. So one call
        generates the same entries as several, if each is given the names of the calls before.

        Raises:
            RequestInvalid, BundleNotFound, BundleInvalid, DeviceUnavailable: nothing was generated.
        """
        self._check()
        names = {plain(name) for name in taken}
        if family is None:
            parts = stream(self.generator, n, seed, filter)
            drafted = ([self._single(row, shiny, names)] for rows in parts for row in rows)
        else:
            seeds, size = choose_seeds(n, seed), check_family(family)
            last_filter(real_lines(size)[0], filter)
            self.generator.check([Request("Mew", seed, fused=("Mew",), shiny=shiny)])
            drafted = (self._line(line_seed, size, filter, shiny, names) for line_seed in seeds)
        return (entry for drafts in drafted for entry in self._finished(drafts, writer, names))

    def _check(self) -> None:
        generator = self.generator
        _ = generator.model  # a bundle without the model fails before anything is written
        settings = generator.bundle.model("stats").settings
        unknown = {*settings["type_names"]} - {*phrases()["types"]} | {*settings["stat_names"]} - {*phrases()["high"]}
        if unknown:
            raise BundleInvalid(f"{generator.bundle.folder}: no templates for {', '.join(sorted(unknown))}")

    def _single(self, row: Row, shiny: bool, taken: Container[str]) -> Draft:
        appearance = self.appearance(row)
        words = self.words(row, appearance, taken)
        colors = colors_for(row, appearance) if self.generator.model.mixes else ""
        return Draft(words, row, appearance, Request(prompt_for(row, appearance), row.seed, colors=colors, shiny=shiny))

    def _finished(self, drafts: Sequence[Draft], writer: Writer | None, taken: set[str]) -> Iterator[Entry]:
        """Write the words of one entry, or of a line, add their names to `taken`, and draw the pictures."""
        written = [draft.words for draft in drafts] if writer is None else writer(drafts, self.known, taken)
        taken |= {plain(words.name) for words in written}
        family = tuple(words.name for words in written) if len(written) > 1 else ()
        generator, digest = self.generator, self.generator.bundle.digest
        for words, draft in zip(written, drafts, strict=True):
            backend = generator.backend(generator.model)
            pixels = generator.draw_batch([draft.request])[0]
            yield Entry(words, draft.row, draft.appearance, draft.request, pixels, digest, family, backend)

    def _line(self, seed: int, size: int, filter: RowFilter, shiny: bool, taken: Container[str]) -> list[Draft]:
        """Draft one evolution line: totals as in one real line, shapes from two others, the same mask and colors."""
        rng = Rng(seed, Stream.FAMILY)
        real_line = rng.pick(real_lines(size))
        filter = last_filter(real_line, filter)
        last = self._row(seed, filter)
        rows = []
        for conditions in earlier_filters(real_line, filter, last.types):
            # The model may add a type to a single one that is requested; the stage of the real line has none.
            rows.append(replace(self._row(seed, conditions), types=conditions.types))
        rows.append(last)
        first, second = parent_lines(rng, size, last.types)
        color = self.appearance(last).color
        names, texts = self._family_names(rows, taken), Rng(seed, Stream.TEXT)
        drafts = []
        for stage, (row, parent, other_parent) in enumerate(zip(rows, first, second, strict=True)):
            appearance = Appearance(color, parent.shape)
            description = f"{describe(names[stage], row, appearance, texts)} {relatives(names, stage, texts)}"
            words = Words(names[stage], genus(row, texts), description)
            colors = colors_for(last, appearance)
            request = Request(parent.name, seed, colors=colors, fused=(other_parent.name,), shiny=shiny)
            drafts.append(Draft(words, row, appearance, request))
        return drafts

    def _row(self, seed: int, filter: RowFilter) -> Row:
        return next(iter(next(stream(self.generator, 1, seed, filter))))

    def _family_names(self, rows: Sequence[Row], taken: Container[str]) -> list[str]:
        """Name the stages: the last one first, then the others with the same first letters."""
        rng = Rng(rows[-1].seed, Stream.NAME)
        names = [self.lexicon.name(rng, rows[-1].types, self.known, taken)]
        for row in rows[:-1]:
            known = KnownNames([*self.known.names, *names])
            names.insert(-1, self.lexicon.name(rng, row.types, known, taken, names[-1][:STEM].lower()))
        return names

    def appearance(self, row: Row) -> Appearance:
        """Pick color and shape by their frequency among known Pokémon of these types; the first counts double."""
        rng = Rng(row.seed, Stream.APPEARANCE)
        colors, shapes = (_shares(table, row.types) for table in (self.lexicon.colors, self.lexicon.shapes))
        described = {name: share for name, share in shapes.items() if name in phrases()["shapes"]}
        return Appearance(rng.weighted(colors), rng.weighted(described))

    def words(self, row: Row, appearance: Appearance, taken: Container[str] = ()) -> Words:
        """Write name, none of `taken`, genus and description with the name model and the templates."""
        name = self.lexicon.name(Rng(row.seed, Stream.NAME), row.types, self.known, taken)
        rng = Rng(row.seed, Stream.TEXT)
        return Words(name, genus(row, rng), describe(name, row, appearance, rng))


def _shares(table: dict[str, dict[str, int]], types: tuple[str, ...]) -> dict[str, float]:
    shares: dict[str, float] = defaultdict(float)
    for weight, kind in zip((2.0, 1.0), types, strict=False):
        counts = table[kind]
        for value, count in counts.items():
            shares[value] += weight * count / sum(counts.values())
    return dict(sorted(shares.items()))
