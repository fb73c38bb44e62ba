"""New names from a small n-gram model of letters, which ``pgtrain.data.lexicon`` trains on known names."""

import codecs
import json
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache, cached_property
from importlib.resources import files
from itertools import islice
from typing import Any

from pgen.errors import BundleInvalid
from pgen.rng import Rng
from pokegan.names import LETTERS, plain

SHORTEST, LONGEST = 6, 10
"""Range of letters of a generated name."""

CANDIDATES, TRIES = 8, 2000
"""Candidates, of which the one that suits the types best is chosen, and the maximum number of draws to find them."""

DISCOUNT = 0.5
"""Absolute discounting (Ney et al., 1994): subtracted from every count in favor of unseen letters."""

UNPRONOUNCEABLE = re.compile(r"[^aeiouy]{4}|[aeiou]{3}|(.)\1\1|^[^aeiouy]{3}|[^aeiouy]{3}$|^(.)\2|q(?!u)")
"""Too many consonants or vowels in a row."""

VOWELS = "aeiouy"

# In ROT13, so that nobody has to read them. No name may contain one, and no text may have one as a word.
DENIED = frozenset(
    codecs.decode(
        "avttre avttn avttr snttbg snttb qlxr xvxr fcvp puvax genaal ergneq juber fyhg phag shpx fuvg encr encvfg anmv "
        "uvgyre cravf intvan ahqr cvff wvmm pbpx gjng jnax cbea qvyqb obbo chffl ovgpu onfgneq artebvq arteb gehzc "
        "chgva",
        "rot13",
    ).split()
)


def is_rude_name(name: str) -> bool:
    """Return whether a name contains a word of the small deny list."""
    return any(word in plain(name) for word in DENIED)


def is_rude_text(text: str) -> bool:
    """Return whether a text has a word of the small deny list, or its plural; `grape` and `peacock` are allowed."""
    words = LETTERS.sub(" ", text.lower()).split()
    return any(word in DENIED or word.removesuffix("s") in DENIED for word in words)


class KnownNames:
    """Existing names: generated names must not resemble one."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = {plain(name) for name in names} - {""}
        self._near = {short for name in self.names if len(name) > SHORTEST for short in _shortened(name)}
        self._sixes = {part for name in self.names for part in _windows(name, 6)}
        self._fives = {part for name in self.names for part in (_windows(name, 5) if len(name) == 5 else ())}

    def __contains__(self, name: str) -> bool:
        """Return whether `name` is known, ignoring case, accents and punctuation."""
        return plain(name) in self.names

    def resemble(self, name: str) -> bool:
        """Return whether a known name equals `name`, differs by one letter, shares six, or is five of its letters."""
        return (
            name in self.names
            or name in self._near
            or not self._near.isdisjoint(_shortened(name))
            or not self.names.isdisjoint(_shortened(name))
            or not self._sixes.isdisjoint(_windows(name, 6))
            or not self._fives.isdisjoint(_windows(name, 5))
        )


def _shortened(name: str) -> list[str]:
    return [name[:index] + name[index + 1 :] for index in range(len(name))]


def _windows(name: str, size: int) -> list[str]:
    return [name[start : start + size] for start in range(len(name) - size + 1)]


class Lexicon:
    """Statistics of names, colors and shapes: ``learned.json``."""

    def __init__(self, learned: dict[str, Any]) -> None:
        self.order: int = learned["order"]
        self.flavors: dict[str, dict[str, float]] = learned["flavors"]
        self.colors: dict[str, dict[str, int]] = learned["colors"]
        self.shapes: dict[str, dict[str, int]] = learned["shapes"]
        self.known: list[str] = learned["known"]
        self.known_letters = frozenset(map(plain, self.known))
        self._letters: dict[str, dict[str, int]] = learned["letters"]
        self._probabilities: dict[str, dict[str, float]] = {}

    @cached_property
    def _counts(self) -> list[dict[str, Counter[str]]]:
        """Counts of the next letter after contexts of 0, 1, ... letters; those of shorter contexts are sums."""
        counts: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(self.order + 1)]
        for context, after in self._letters.items():
            for size in range(self.order + 1):
                counts[size][context[self.order - size :]].update(after)
        return counts

    def _after(self, context: str) -> dict[str, float]:
        """Interpolate the probabilities of the letter after `context` from shorter to longer contexts."""
        if context in self._probabilities:
            return self._probabilities[context]
        probabilities: dict[str, float] = {}
        for size, table in enumerate(self._counts):
            seen = table.get(context[len(context) - size :])
            if not seen:
                break
            total = sum(seen.values())
            if size == 0:
                probabilities = {letter: count / total for letter, count in sorted(seen.items())}
                continue
            rest = DISCOUNT * len(seen) / total
            probabilities = {
                letter: max(seen[letter] - DISCOUNT, 0) / total + rest * lower
                for letter, lower in probabilities.items()
            }
        self._probabilities[context] = probabilities
        return probabilities

    def _draw(self, rng: Rng, stem: str = "") -> str:
        letters = "^" * self.order + stem
        while len(letters) <= self.order + LONGEST:
            letter = rng.weighted(self._after(letters[len(letters) - self.order :]))
            if letter == "$":
                break
            letters += letter
        return letters[self.order :]

    def name(
        self, rng: Rng, types: Sequence[str], known: KnownNames, taken: Container[str] = (), stem: str = ""
    ) -> str:
        """Generate a new name that suits `types` and begins with `stem`, capitalized, of SHORTEST to LONGEST letters.

        It is none of `taken`, in lower case, unless all of TRIES draws are.

        Raises:
            BundleInvalid: every name that can be generated is known.
        """
        candidates, best = self._candidates(rng, known, stem), ""
        while group := list(islice(candidates, CANDIDATES)):
            for name in sorted(group, key=lambda name: self._suits(name, types), reverse=True):
                if name not in taken:
                    return name.capitalize()
                best = best or name
        if not best:
            raise BundleInvalid("names.json of the bundle has every name that can be generated; export it again")
        return best.capitalize()

    def _candidates(self, rng: Rng, known: KnownNames, stem: str) -> Iterator[str]:
        """Draw TRIES names; yield those that can be used, each once."""
        drawn: set[str] = set()
        for _ in range(TRIES):
            name = self._draw(rng, stem)
            if _is_usable(name) and name not in drawn and not known.resemble(name):
                drawn.add(name)
                yield name

    def _suits(self, name: str, types: Sequence[str]) -> float:
        pieces = _windows(f"^{name}$", 3)
        weights = (self.flavors.get(kind, {}).get(piece, 0.0) for kind in types for piece in pieces)
        return sum(weights) / (len(pieces) * len(types))


def _is_usable(name: str) -> bool:
    return SHORTEST <= len(name) <= LONGEST and not UNPRONOUNCEABLE.search(name) and not is_rude_name(name)


def blend(first: str, last: str, rng: Rng, known: Container[str]) -> str:
    """Blend a new name from the beginning of `first` and the end of `last`, capitalized; empty if there is none.

    It is none of `known`, which are plain. Names are cut where a vowel and a consonant meet, if possible; of a sentence
    the last word counts.

    >>> from pgen.rng import Stream
    >>> blend("Charizard", "Gengar", Rng(3, Stream.FUSED_NAME), ())
    'Charizagar'
    """
    start, end = (plain(name.split()[-1]) if name.split() else "" for name in (first, last))
    cuts = [(start[:head], end[tail:]) for head in range(2, len(start)) for tail in range(1, len(end) - 1)]
    usable = [cut for cut in cuts if _is_usable("".join(cut)) and "".join(cut) not in known]
    smooth = [cut for cut in usable if (cut[0][-1] in VOWELS) != (cut[1][0] in VOWELS)]
    return "".join(rng.pick(smooth or usable)).capitalize() if usable else ""


@cache
def load_lexicon() -> Lexicon:
    """Read the lexicon that is installed with pgen."""
    return Lexicon(json.loads(files("pgen.dex").joinpath("learned.json").read_text("utf-8")))
