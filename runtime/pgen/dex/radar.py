"""The hexagon of six stats, as points; both cards draw it from here."""

from collections.abc import Sequence
from math import cos, pi, sin

Point = tuple[float, float]

FULL = 160
"""A stat that reaches the rim; beyond it the hexagon would be a dot for most."""

LABELS = {
    "hp": "HP",
    "attack": "Attack",
    "defense": "Defense",
    "special_attack": "Sp. Atk",
    "special_defense": "Sp. Def",
    "speed": "Speed",
}
"""Short names of stats."""


def label(stat: str) -> str:
    """Shorten a stat's name."""
    return LABELS.get(stat, stat.replace("_", " ").title())


def share(value: int) -> float:
    """How much of a bar, or of the way to the hexagon's rim, a stat fills, 0 to 1."""
    return min(value / FULL, 1.0)


def corners(shares: Sequence[float], centre: Point, radius: float) -> list[Point]:
    """Place one corner a share on its ray, clockwise from the top."""
    turns = (2 * pi * index / len(shares) - pi / 2 for index in range(len(shares)))
    return [
        (centre[0] + radius * share * cos(turn), centre[1] + radius * share * sin(turn))
        for share, turn in zip(shares, turns, strict=True)
    ]
