"""Captions composed from a record: names, phrases and sentences."""

import re
from dataclasses import dataclass

from pgtrain.data.records import Record

MAX_SENTENCES = 3
"""Sentences of a description that become captions; more would crowd out the others."""


@dataclass(frozen=True)
class Caption:
    """One text for a picture; `weight` is how often training draws it, relative to its siblings.

    `named` tells whether the text names the Pokémon, or only describes it, as it may describe others.
    """

    text: str
    weight: float
    named: bool


def captions(record: Record) -> list[Caption]:
    """Compose the captions of `record` from whichever of its fields are filled.

    Four kinds share the draws: the name alone, the name with its attributes, the attributes without
    the name, and free text (the sentences of the description and the data set's own ``text``). A kind
    for which the record has nothing leaves its share to the others, because weights are relative.
    """
    kinds = (
        (0.4, [record.title], True),
        (0.2, _named(record), True),
        (0.25, _attributes(record), False),
        (0.15, _free_text(record), False),
    )
    return [Caption(text, share / len(texts), named) for share, texts, named in kinds if texts for text in texts]


def describe(types: tuple[str, ...], color: str, shape: str) -> str:
    """Describe a Pokémon without its name.

    >>> describe(("fire", "flying"), "red", "bug-wings")
    'a red fire and flying Pokémon, bug wings'
    """
    return f"a {color} {' and '.join(types)} Pokémon, {shape.replace('-', ' ')}"


def _named(record: Record) -> list[str]:
    types = " and ".join(record.types)
    parts = [record.title, f"a {types} type Pokémon" if types else "", record.color]
    return [", ".join(filter(None, parts))] if types or record.color else []


def _attributes(record: Record) -> list[str]:
    types, color = " and ".join(record.types), record.color
    genus = record.genus.removesuffix(" Pokémon").lower()
    shape = record.shape.replace("-", " ")
    phrases = [
        (types, f"a {color} {types} Pokémon"),
        (genus, f"a {color} {types} {genus}"),
        (shape and genus, f"a {color} {shape} {genus} Pokémon"),
        (shape and types, describe(record.types, color, shape)),
    ]
    return [" ".join(phrase.split()) for needed, phrase in phrases if needed]


def _free_text(record: Record) -> list[str]:
    sentences = re.split(r"(?<=[.!?])\s+", record.description.strip())
    return [text for text in (record.text, *record.texts, *sentences[:MAX_SENTENCES]) if text]
