"""Prompts without the name of a Pokémon: descriptions by type, color and shape, and invented names."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from pgtrain.data.captions import describe
from pgtrain.data.records import Record

KINDS = ("types", "color", "shape")
"""The labels of a record that a prompt names."""


class Described(NamedTuple):
    """The labels that a prompt describes; `known` if a Pokémon has this combination."""

    types: tuple[str, ...]
    color: str
    shape: str
    known: bool

    @property
    def text(self) -> str:
        """The prompt, worded like a caption of the training."""
        return describe(self.types, self.color, self.shape)


def described(records: Sequence[Record], count: int) -> list[Described]:
    """Compose `count` prompts, half of them known combinations and half new ones; at most two for each record.

    Frequent combinations may be repeated. New ones take type, color and shape from three records, so that each label
    is as frequent as among real pictures.
    """
    labeled = [record for record in records if record.image and record.types and record.color and record.shape]
    if not labeled:
        return []
    combinations = [(record.types, record.color, record.shape) for record in labeled]
    existing = set(combinations)
    rng = random.Random(0)
    known = rng.sample(combinations, min(count // 2, len(combinations)))
    new: list[tuple[tuple[str, ...], str, str]] = []
    for _ in range(20 * count):
        types, color, shape = rng.choice(labeled).types, rng.choice(labeled).color, rng.choice(labeled).shape
        if (types, color, shape) not in existing and len(new) < len(known):
            new.append((types, color, shape))
    return [Described(*labels, known=True) for labels in known] + [Described(*labels, known=False) for labels in new]


def invented(names: Sequence[str], count: int) -> list[str]:
    """Compose `count` new names from the beginning of one name and the end of another."""
    words = sorted({name for name in names if name.isalpha() and len(name) > 4})
    if len(words) < 2:
        return []
    rng = random.Random(0)
    coined: list[str] = []
    for _ in range(10 * count):
        head, tail = rng.sample(words, 2)
        name = head[: (len(head) + 1) // 2] + tail[len(tail) // 2 :].lower()
        if name not in names and name not in coined and len(coined) < count:
            coined.append(name)
    return coined
