"""Prompts that name no Pokémon: type, color and shape, in combinations that exist and in such that do not."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from pgtrain.data.captions import describe
from pgtrain.data.records import Record

KINDS = ("types", "color", "shape")
"""The labels of a record that a prompt names."""


class Described(NamedTuple):
    """A prompt, and what it names; `known` where a Pokémon has all of it together."""

    types: tuple[str, ...]
    color: str
    shape: str
    known: bool

    @property
    def text(self) -> str:
        """Write it out, as one of the captions that training reads."""
        return describe(self.types, self.color, self.shape)


def described(records: Sequence[Record], count: int) -> list[Described]:
    """Compose `count` prompts, half of them known combinations and half new ones; at most two for each record.

    Frequent combinations come more than once. New ones take type, color and shape from three different Pokémon, so
    that each is as frequent as it is among the real ones, and what is right for real pictures is so for these.
    """
    full = [(record.types, record.color, record.shape) for record in records if _is_full(record)]
    if not full:
        return []
    there = set(full)
    chosen = random.Random(0)
    known = chosen.sample(full, min(count // 2, len(full)))
    new: list[tuple[tuple[str, ...], str, str]] = []
    for _ in range(20 * count):
        types, color, shape = (chosen.choice(full)[place] for place in range(3))
        if (types, color, shape) not in there and len(new) < len(known):
            new.append((types, color, shape))  # type: ignore[arg-type]
    return [Described(*each, known=True) for each in known] + [Described(*each, known=False) for each in new]


def invented(names: Sequence[str], count: int) -> list[str]:
    """Compose `count` names that no Pokémon has, of the beginning of one name and the end of another."""
    plain = sorted({name for name in names if name.isalpha() and len(name) > 4})
    if len(plain) < 2:
        return []
    chosen = random.Random(0)
    coined: list[str] = []
    for _ in range(10 * count):
        head, tail = chosen.sample(plain, 2)
        name = head[: (len(head) + 1) // 2] + tail[len(tail) // 2 :].lower()
        if name not in names and name not in coined and len(coined) < count:
            coined.append(name)
    return coined


def _is_full(record: Record) -> bool:
    return bool(record.image and record.types and record.color and record.shape)
