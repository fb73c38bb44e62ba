"""Finds known names in other spellings and languages."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

APOSTROPHES = re.compile("['\u2018\u2019`\u00b4.]")
ACCENTS = re.compile("[\u0300-\u036f]")
WORD = re.compile(r"[^\W_]+")
SIGNS = str.maketrans({"\u2640": " f ", "\u2642": " m "})
WORDS = {"female": "f", "male": "m", "gmax": "gigantamax"}

FORMS = {"mega", "gigantamax", "primal", "alolan", "galarian", "hisuian", "paldean", "x", "y"}
"""Words that name a form; they are ignored if the form is not known."""

SIMILAR = 0.8
"""Minimum similarity (Ratcliff and Obershelp, 1988) of a misspelled name: two letters of ten may differ."""


def fold(name: str) -> str:
    """Reduce a name to what all its spellings share: no case, accents, apostrophes, width or order of words.

    >>> fold("Flabébé"), fold("Farfetch'd"), fold("Nidoran♀"), fold("Charizard (Mega X)")
    ('flabebe', 'farfetchd', 'f nidoran', 'charizard mega x')
    """
    return " ".join(sorted(_words(name)))


def _words(name: str) -> list[str]:
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", APOSTROPHES.sub("", name.translate(SIGNS))))
    # Composed again, because in other scripts the remaining marks distinguish letters.
    letters = unicodedata.normalize("NFC", plain).casefold()
    return [WORDS.get(word, word) for word in WORD.findall(letters)]


def _joined(name: str) -> str:
    """Reduce a name as :func:`fold` does, and leave out the spaces instead of the order: "Porygon 2" is Porygon2."""
    return "".join(_words(name))


def read_translations(text: str) -> dict[str, str]:
    r"""Read a table of names in other languages.

    Args:
        text: a line for each name: the English one, and the others as :func:`fold` returns them, separated by tabs.
            Lines that start with # are comments.

    Returns:
        English names by folded ones; where two names share a translation, the first has it.

    >>> read_translations("Charizard\tglurak\tリザードン")
    {'glurak': 'Charizard', 'リザードン': 'Charizard'}
    """
    english: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, *others = line.split("\t")
            for other in others:
                english.setdefault(other, name)
    return english


@cache
def _installed_translations() -> dict[str, str]:
    return read_translations(files("pgen.bundle").joinpath("translations.tsv").read_text("utf-8"))


class NameIndex:
    """Finds names in any spelling; where two names fold to the same text, the first has it.

    Args:
        names: the names.
        translations: as :func:`read_translations` returns them; None for the table that is installed with pgen.
    """

    def __init__(self, names: Sequence[str], translations: Mapping[str, str] | None = None) -> None:
        self._names, self._translations = names, translations
        self._rows: dict[str, int] = {}
        self._joined: dict[str, int] = {}
        for row, name in enumerate(names):
            self._rows.setdefault(fold(name), row)
            self._joined.setdefault(_joined(name), row)

    def find(self, prompt: str) -> int | None:
        """Return the index of the name that `prompt` is, or is a form of, in any language; None if there is none."""
        folded = fold(prompt)
        base = " ".join(word for word in folded.split() if word not in FORMS)
        rows = (self._row(folded), self._row(base), self._joined.get(_joined(prompt)))
        return next((row for row in rows if row is not None), None)

    def _row(self, folded: str) -> int | None:
        if folded in self._rows:
            return self._rows[folded]
        english = (_installed_translations() if self._translations is None else self._translations).get(folded)
        return None if english is None else self._rows.get(fold(english))

    def closest(self, prompt: str) -> list[str]:
        """Return the names that `prompt` may misspell: the most similar one, or two if they are equally similar."""
        folded = fold(prompt)
        close = difflib.get_close_matches(folded, self._rows, n=2, cutoff=SIMILAR)
        ratios = [difflib.SequenceMatcher(None, name, folded).ratio() for name in close]
        equal = [name for name, ratio in zip(close, ratios, strict=True) if ratio == ratios[0]]
        return [self._names[row] for row in sorted(self._rows[name] for name in equal)]
