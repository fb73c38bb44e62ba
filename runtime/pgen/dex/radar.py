"""Geometry of the radar chart of six stats, shared by the PNG card and the HTML page."""

from collections.abc import Sequence
from math import cos, pi, sin

Point = tuple[float, float]

FULL = 160
"""The stat at the edge of the chart; a larger maximum would make most charts tiny."""

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
    """Return the short name of a stat."""
    return LABELS.get(stat, stat.replace("_", " ").title())


def share(value: int) -> float:
    """Return the share of a bar, or of the chart's radius, that a stat fills, 0 to 1."""
    return min(value / FULL, 1.0)


def corners(shares: Sequence[float], center: Point, radius: float) -> list[Point]:
    """Return the corners of the chart, one per share, clockwise from the top."""
    angles = (2 * pi * index / len(shares) - pi / 2 for index in range(len(shares)))
    return [
        (center[0] + radius * share * cos(angle), center[1] + radius * share * sin(angle))
        for share, angle in zip(shares, angles, strict=True)
    ]
