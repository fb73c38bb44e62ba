"""Colours of cards: of types, of rarities, of stats."""

Colour = tuple[int, int, int]

TYPES: dict[str, str] = {
    "normal": "#787665",
    "fire": "#ca4f2a",
    "water": "#3776c5",
    "grass": "#40853c",
    "electric": "#f0b90b",
    "ice": "#63c3cc",
    "fighting": "#b8383f",
    "poison": "#8d47a8",
    "ground": "#d6a35a",
    "flying": "#6272b8",
    "psychic": "#c94776",
    "bug": "#a3b92c",
    "rock": "#b7a564",
    "ghost": "#5e4a8b",
    "dragon": "#5140cf",
    "dark": "#50443d",
    "steel": "#5c7a8a",
    "fairy": "#ac5c8b",
}
"""Of each type; the letters on it are white or dark, see :func:`ink`."""

RARITIES: dict[str, tuple[str, str]] = {
    "legendary": ("#f7d774", "#b5832a"),
    "mythical": ("#f3b6e4", "#7a5fd0"),
    "baby": ("#bfe6f5", "#f6c9d8"),
}
"""The two ends of a card's frame; an ordinary one's is of its types."""


def rgb(colour: str) -> Colour:
    """Read "#rrggbb".

    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def mixed(one: str, other: str, share: float) -> str:
    """Mix `share` of `other` into `one`.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    parts = zip(rgb(one), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def frame(types: tuple[str, ...], rarity: str) -> tuple[str, str]:
    """Choose the two ends of a card's frame."""
    if rarity in RARITIES:
        return RARITIES[rarity]
    first, last = TYPES[types[0]], TYPES[types[-1]]
    return mixed(first, "#ffffff", 0.25), last


def ink(ground: str) -> str:
    """Choose white or dark letters for a ground, whichever has the contrast of 4.5 to 1 that WCAG 2.2 (AA) asks for.

    >>> ink("#5140cf"), ink("#f0b90b")
    ('#ffffff', '#201c14')
    """
    return "#ffffff" if 1.05 / (_luminance(ground) + 0.05) >= 4.5 else "#201c14"


def _luminance(colour: str) -> float:
    """Relative luminance of sRGB, 0 to 1, as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
