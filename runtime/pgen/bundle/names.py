"""Known names in the spellings that people type."""

import difflib
import re
import unicodedata
from collections.abc import Sequence

APOSTROPHES = re.compile("['\u2018\u2019`\u00b4.]")
WORD = re.compile(r"[^\W_]+")
SIGNS = str.maketrans({"\u2640": " f ", "\u2642": " m "})
WORDS = {"female": "f", "male": "m"}

SIMILAR = 0.8
"""Least similarity (Ratcliff and Obershelp, 1988) of a misspelled name: two letters of ten may differ."""


def fold(name: str) -> str:
    """Reduce a name to what all its spellings share: no case, accents, apostrophes, width or order of words.

    >>> fold("Flabébé"), fold("Farfetch'd"), fold("Nidoran♀"), fold("Charizard (Mega X)")
    ('flabebe', 'farfetchd', 'f nidoran', 'charizard mega x')
    """
    plain = unicodedata.normalize("NFKD", APOSTROPHES.sub("", name.translate(SIGNS)))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
    return " ".join(sorted(WORDS.get(word, word) for word in WORD.findall(letters)))


class NameIndex:
    """Finds names in any spelling; where two names fold to the same text, the first has it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._rows: dict[str, int] = {}
        for row, name in enumerate(names):
            self._rows.setdefault(fold(name), row)

    def find(self, prompt: str) -> int | None:
        """Return the index of the name that `prompt` is; None if it is none."""
        return self._rows.get(fold(prompt))

    def closest(self, prompt: str) -> str | None:
        """Return the name of which `prompt` may be a misspelling; None if there is none."""
        close = difflib.get_close_matches(fold(prompt), self._rows, n=1, cutoff=SIMILAR)
        return self._names[self._rows[close[0]]] if close else None
