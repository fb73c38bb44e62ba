"""Statistics of names, colors and shapes for ``pgen dex``, counted from a data set.

    pgtrain data lexicon --data DIR --out runtime/pgen/dex/learned.json

Names become an n-gram model of letters, and for every type the pieces that are more frequent in its names than in
others; colors and shapes become counts per type. The names themselves are kept too, so that new ones can be told from
them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import log
from typing import Any

from pgtrain.data.records import Record
from pokegan.names import plain

ORDER = 3
"""Letters of context for the next one. With four, most names are halves of two known ones."""

SEEN, FLAVOR = 2, 0.5
"""Fewest names of a type that contain a piece, and lowest log odds, for the piece to be kept."""

FORMS = re.compile(r"^(mega|primal|gigantamax) |\s*\(.*\)| [xy]$", re.IGNORECASE)
"""Additions to the name of a Pokémon in the names of its forms."""


def learn(records: Iterable[Record]) -> dict[str, Any]:
    """Count names, colors and shapes; the result is what ``learned.json`` holds."""
    kept = list(records)
    types: dict[str, set[str]] = defaultdict(set)
    for record in kept:
        types[FORMS.sub("", record.name)].update(record.types)
    words = {plain(name): kinds for name, kinds in types.items() if " " not in name and len(plain(name)) > 2}
    return {
        "order": ORDER,
        "letters": _letters(words),
        "flavors": _flavors(words),
        "colors": _counts((record.types[:1], record.color) for record in kept),
        "shapes": _counts((record.types, record.shape) for record in kept),
        "known": sorted({plain(name) for name in types} - {""}),
    }


def _letters(words: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each letter follows each ORDER letters; ^ stands before a name and $ behind it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word in words:
        marked = "^" * ORDER + word + "$"
        for end in range(ORDER, len(marked)):
            counts[marked[end - ORDER : end]][marked[end]] += 1
    return {context: dict(sorted(counts[context].items())) for context in sorted(counts)}


def _flavors(words: dict[str, set[str]]) -> dict[str, dict[str, float]]:
    """Log odds of three-letter pieces in the names of a type to those in all names."""
    pieces = {word: {f"^{word}$"[start : start + 3] for start in range(len(word))} for word in words}
    counts = Counter(piece for in_name in pieces.values() for piece in in_name)
    flavors = {}
    for kind in sorted(set().union(*words.values())):
        names = [pieces[word] for word, kinds in words.items() if kind in kinds]
        of_type = Counter(piece for in_name in names for piece in in_name)
        odds = {
            piece: round(log((of_type[piece] / len(names)) / (counts[piece] / len(words))), 1)
            for piece in sorted(of_type)
            if of_type[piece] >= SEEN
        }
        flavors[kind] = {piece: value for piece, value in odds.items() if value >= FLAVOR}
    return flavors


def _counts(seen: Iterable[tuple[tuple[str, ...], str]]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for types, value in seen:
        for kind in types if value else ():
            counts[kind][value] += 1
    return {kind: dict(sorted(counts[kind].items())) for kind in sorted(counts)}


def as_json(learned: dict[str, Any]) -> str:
    """Serialize with one line per context and type, for readable diffs."""
    parts = []
    for key, value in learned.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{json.dumps(name)}:{_compact(inner)}" for name, inner in value.items())
            parts.append(f"{json.dumps(key)}:{{\n{lines}\n}}")
        else:
            parts.append(f"{json.dumps(key)}:{_compact(value)}")
    return "{" + ",\n".join(parts) + "}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
