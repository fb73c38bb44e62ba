"""Genus and description from templates of sentences that match the stats."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pgen.rng import Rng
from pgen.stats.rows import Row

HIGH, EXTREME, LOW = 90, 130, 50
"""Limits from which one stat is described as high or extreme, and up to which as low."""

SMALL, STRONG = 330, 500
"""Limits of the total up to which a Pokémon of even stats is small, and from which it is strong."""


@dataclass(frozen=True)
class Appearance:
    """Color and shape, such as "quadruped", in the words of the training data."""

    color: str
    shape: str


@cache
def phrases() -> dict[str, Any]:
    """Read the templates that are installed with pgen."""
    return tomllib.loads(files("pgen.dex").joinpath("phrases.toml").read_text("utf-8"))


def genus(row: Row, rng: Rng) -> str:
    """Compose a genus from the first type and the rarity or the highest stat.

    >>> from pgen.rng import Stream
    >>> row = Row(0, {"hp": 40, "speed": 120}, ("fire",), "ordinary")
    >>> genus(row, Rng(0, Stream.TEXT))
    'Hearthflame Racer Pokémon'
    """
    known = phrases()
    roles = known["rarities"].get(row.rarity) or known["roles"][highest(row) or "even"]
    return f"{rng.pick(known['types'][row.types[0]]['genus'])} {rng.pick(roles)} Pokémon"


def describe(name: str, row: Row, appearance: Appearance, rng: Rng) -> str:
    """Compose a description of four sentences: appearance, habits, the highest stat, and rarity or the lowest."""
    known = phrases()
    first, last = known["types"][row.types[0]], known["types"][row.types[-1]]
    shape = rng.pick(known["shapes"][appearance.shape])
    sentences = [
        shape.format(color=appearance.color, matter=rng.pick(first["matter"])),
        _habits(name, rng.pick(first["places"]), rng.pick(last["acts"]), rng),
        rng.pick(_strength(row)),
    ]
    if closing := _closing(row):
        sentences.append(rng.pick(closing))
    return " ".join(sentences)


def _habits(name: str, place: str, act: str, rng: Rng) -> str:
    forms = (
        f"{name} lives {place} and {act}.",
        f"{name} is found {place}; it {act}.",
        f"{place[0].upper()}{place[1:]}, {name} {act}.",
        f"Those who meet {name} {place} say that it {act}.",
    )
    return rng.pick(forms)


def highest(row: Row) -> str | None:
    """Return the highest stat, the first of equals; None if none is HIGH."""
    name = max(row.stats, key=lambda name: row.stats[name])
    return name if row.stats[name] >= HIGH else None


def lowest(row: Row) -> str | None:
    """Return the lowest stat, the first of equals; None if none is LOW."""
    name = min(row.stats, key=lambda name: row.stats[name])
    return name if row.stats[name] <= LOW else None


def _strength(row: Row) -> list[str]:
    known, name = phrases(), highest(row)
    if name is not None:
        sentences: list[str] = known["extreme" if row.stats[name] >= EXTREME else "high"][name]
        return sentences
    size = "small" if row.total <= SMALL else "strong" if row.total >= STRONG else "plain"
    even: list[str] = known["even"][size]
    return even


def _closing(row: Row) -> list[str]:
    known, name = phrases(), lowest(row)
    if row.rarity in known["lore"]:
        lore: list[str] = known["lore"][row.rarity]
        return lore
    if name is None or highest(row) is None:
        return []
    low: list[str] = known["low"][name]
    return low


def relatives(names: Sequence[str], stage: int, rng: Rng) -> str:
    """Compose a sentence on the stages before and after one of a line."""
    known = phrases()["family"]
    kind = "first" if stage == 0 else "last" if stage == len(names) - 1 else "middle"
    sentence: str = rng.pick(known[kind])
    return sentence.format(before=names[max(0, stage - 1)], after=names[min(stage + 1, len(names) - 1)])


def prompt_for(row: Row, appearance: Appearance) -> str:
    """Write the prompt of the picture, in a form that ``pgtrain.data.captions`` uses for training.

    >>> prompt_for(Row(0, {}, ("fire", "flying"), "ordinary"), Appearance("red", "wings"))
    'a red fire and flying Pokémon, wings'
    """
    return f"{colors_for(row, appearance)}, {appearance.shape.replace('-', ' ')}"


def colors_for(row: Row, appearance: Appearance) -> str:
    """Write the text that asks for the colors of the picture alone."""
    return f"a {appearance.color} {' and '.join(row.types)} Pokémon"
