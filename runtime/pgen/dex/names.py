"""New names: a small n-gram model of letters, learned from the known ones by ``pgtrain.data.lexicon``."""

import codecs
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any

from pgen.dex.rng import Dice
from pgen.errors import BundleInvalid

SHORTEST, LONGEST = 6, 10
"""Letters of a name that is drawn."""

CANDIDATES, TRIES = 8, 2000
"""Names that one is chosen from by how well it suits the types, and draws until they must have been found."""

DISCOUNT = 0.5
"""Taken off every count for what was never seen (Ney et al., 1994, absolute discounting)."""

CLUMSY = re.compile(r"[^aeiouy]{4}|[aeiou]{3}|(.)\1\1|^[^aeiouy]{3}|[^aeiouy]{3}$|^(.)\2|q(?!u)")
"""What no tongue forms: too many consonants or vowels at once."""

LETTERS = re.compile("[^a-z]")

# In ROT13, so that nobody has to read them. No name may hold one, and no text may have one as a word.
DENIED = frozenset(
    codecs.decode(
        "avttre avttn avttr snttbg snttb qlxr xvxr fcvp puvax genaal ergneq juber fyhg phag shpx fuvg encr encvfg anmv "
        "uvgyre cravf intvan ahqr cvff wvmm pbpx gjng jnax cbea qvyqb obbo chffl ovgpu onfgneq artebvq arteb gehzc "
        "chgva",
        "rot13",
    ).split()
)


def plain(name: str) -> str:
    """Keep a name's letters, in lower case and without accents, as ``pgtrain.data.lexicon`` does.

    >>> plain("Flabébé")
    'flabebe'
    """
    return LETTERS.sub("", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower())


def is_rude_name(name: str) -> bool:
    """Tell whether a name holds a word of the small deny list."""
    return any(word in plain(name) for word in DENIED)


def is_rude_text(text: str) -> bool:
    """Tell whether a text has a word of the small deny list, or its plural; `grape` and `peacock` are fine."""
    words = LETTERS.sub(" ", text.lower()).split()
    return any(word in DENIED or word.removesuffix("s") in DENIED for word in words)


class Known:
    """Names that exist: none may be given again, nor one that is almost the same."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = {plain(name) for name in names} - {""}
        self._near = {short for name in self.names if len(name) > SHORTEST for short in _shortened(name)}
        self._sixes = {part for name in self.names for part in _windows(name, 6)}
        self._fives = {part for name in self.names for part in (_windows(name, 5) if len(name) == 5 else ())}

    def __contains__(self, name: str) -> bool:
        """Tell whether `name` is known, whatever its case, accents and signs."""
        return plain(name) in self.names

    def resemble(self, name: str) -> bool:
        """Tell whether a known name is `name`, differs by one letter, or shares six letters or a whole five with it."""
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
    """What was learned of names, colours and shapes: ``learned.json``."""

    def __init__(self, learned: dict[str, Any]) -> None:
        self.order: int = learned["order"]
        self.flavours: dict[str, dict[str, float]] = learned["flavours"]
        self.colors: dict[str, dict[str, int]] = learned["colors"]
        self.shapes: dict[str, dict[str, int]] = learned["shapes"]
        self.known: list[str] = learned["known"]
        self._letters: dict[str, dict[str, int]] = learned["letters"]
        self._chances: dict[str, dict[str, float]] = {}

    @cached_property
    def _counts(self) -> list[dict[str, Counter[str]]]:
        """Counts of the letter after 0, 1, ... letters; those after fewer are sums of those after more."""
        counts: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(self.order + 1)]
        for context, after in self._letters.items():
            for size in range(self.order + 1):
                counts[size][context[self.order - size :]].update(after)
        return counts

    def _after(self, context: str) -> dict[str, float]:
        """Look up the probabilities of the letter after `context`."""
        if context not in self._chances:
            self._chances[context] = self._mixed(context)
        return self._chances[context]

    def _mixed(self, context: str) -> dict[str, float]:
        """Mix probabilities after `context` from the counts of short contexts to those of long ones."""
        chances: dict[str, float] = {}
        for size, table in enumerate(self._counts):
            seen = table.get(context[len(context) - size :])
            if not seen:
                break
            total = sum(seen.values())
            if size == 0:
                chances = {letter: count / total for letter, count in sorted(seen.items())}
                continue
            left = DISCOUNT * len(seen) / total
            chances = {
                letter: max(seen[letter] - DISCOUNT, 0) / total + left * chance for letter, chance in chances.items()
            }
        return chances

    def _draw(self, dice: Dice) -> str:
        spelt = "^" * self.order
        while len(spelt) <= self.order + LONGEST:
            letter = dice.weighted(self._after(spelt[len(spelt) - self.order :]))
            if letter == "$":
                break
            spelt += letter
        return spelt[self.order :]

    def name(self, dice: Dice, types: Sequence[str], known: Known) -> str:
        """Draw a new name that suits `types`, capitalised, of SHORTEST to LONGEST letters.

        Raises:
            BundleInvalid: everything that can be drawn is known.
        """
        found: list[str] = []
        for _ in range(TRIES):
            drawn = self._draw(dice)
            if _speakable(drawn) and drawn not in found and not known.resemble(drawn):
                found.append(drawn)
            if len(found) == CANDIDATES:
                break
        if not found:
            raise BundleInvalid("the bundle's names.json knows every name that can be drawn; export the bundle again")
        return max(found, key=lambda name: self._suits(name, types)).capitalize()

    def _suits(self, name: str, types: Sequence[str]) -> float:
        pieces = _windows(f"^{name}$", 3)
        weights = (self.flavours.get(kind, {}).get(piece, 0.0) for kind in types for piece in pieces)
        return sum(weights) / (len(pieces) * len(types))


def _speakable(name: str) -> bool:
    return SHORTEST <= len(name) <= LONGEST and not CLUMSY.search(name) and not is_rude_name(name)


def load_lexicon() -> Lexicon:
    """Read the lexicon that is installed with pgen."""
    return Lexicon(json.loads(files("pgen.dex").joinpath("learned.json").read_text("utf-8")))
