"""Genus and description: sentences of our own, chosen to agree with what the numbers say."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pgen.dex.rng import Dice
from pgen.stats.rows import Row

HIGH, EXTREME, LOW = 90, 130, 50
"""Of one stat: from where it is told of as high, or as extreme, and up to where as low."""

SMALL, STRONG = 330, 500
"""Of the total: up to where a Pokémon of even stats is weak, and from where it is strong."""

ORDINARY = "ordinary"


@dataclass(frozen=True)
class Looks:
    """What a Pokémon looks like, in the words of the training data: a colour, and a shape such as "quadruped"."""

    color: str
    shape: str


@cache
def phrases() -> dict[str, Any]:
    """Read the sentences that are installed with pgen."""
    return tomllib.loads(files("pgen.dex").joinpath("phrases.toml").read_text("utf-8"))


def genus(row: Row, dice: Dice) -> str:
    """Compose a genus from the first type and the rarity or the highest stat.

    >>> from pgen.dex.rng import Stream
    >>> row = Row(0, {"hp": 40, "speed": 120}, ("fire",), "ordinary")
    >>> genus(row, Dice(0, Stream.TEXT))
    'Hearthflame Racer Pokémon'
    """
    known = phrases()
    roles = known["rarities"].get(row.rarity) or known["roles"][highest(row) or "even"]
    return f"{dice.pick(known['types'][row.types[0]]['genus'])} {dice.pick(roles)} Pokémon"


def describe(name: str, row: Row, looks: Looks, dice: Dice) -> str:
    """Compose a description of four sentences: looks, habits, the highest stat, and rarity or the lowest."""
    known = phrases()
    first, last = known["types"][row.types[0]], known["types"][row.types[-1]]
    shape = dice.pick(known["shapes"][looks.shape])
    sentences = [
        shape.format(color=looks.color, matter=dice.pick(first["matter"])),
        _habits(name, dice.pick(first["places"]), dice.pick(last["acts"]), dice),
        dice.pick(_strength(row)),
    ]
    if last_word := _last_word(row):
        sentences.append(dice.pick(last_word))
    return " ".join(sentences)


def _habits(name: str, place: str, act: str, dice: Dice) -> str:
    forms = (
        f"{name} lives {place} and {act}.",
        f"{name} is found {place}; it {act}.",
        f"{place[0].upper()}{place[1:]}, {name} {act}.",
        f"Those who meet {name} {place} say that it {act}.",
    )
    return dice.pick(forms)


def highest(row: Row) -> str | None:
    """Name the highest stat, the earlier of equals; None where none is HIGH."""
    name = max(row.stats, key=lambda name: row.stats[name])
    return name if row.stats[name] >= HIGH else None


def lowest(row: Row) -> str | None:
    """Name the lowest stat, the earlier of equals; None where none is LOW."""
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


def _last_word(row: Row) -> list[str]:
    known, name = phrases(), lowest(row)
    if row.rarity in known["lore"]:
        lore: list[str] = known["lore"][row.rarity]
        return lore
    if name is None or highest(row) is None:
        return []
    low: list[str] = known["low"][name]
    return low


def prompt_for(row: Row, looks: Looks) -> str:
    """Write what the picture is drawn from, in a form that ``pgtrain.data.captions`` gives to training.

    >>> prompt_for(Row(0, {}, ("fire", "flying"), "ordinary"), Looks("red", "wings"))
    'a red fire and flying Pokémon, wings'
    """
    return f"a {looks.color} {' and '.join(row.types)} Pokémon, {looks.shape.replace('-', ' ')}"
