"""Colors of cards."""

Color = tuple[int, int, int]

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
"""Color of each type; text on it is white or dark, see :func:`text_color`."""

RARITIES: dict[str, tuple[str, str]] = {
    "legendary": ("#f7d774", "#b5832a"),
    "mythical": ("#f3b6e4", "#7a5fd0"),
    "baby": ("#bfe6f5", "#f6c9d8"),
}
"""Gradient of a card's frame; ordinary cards use the colors of their types."""


def rgb(color: str) -> Color:
    """Parse "#rrggbb".

    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def mix(one: str, other: str, share: float) -> str:
    """Mix `share` of `other` into `one`.

    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    parts = zip(rgb(one), rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def frame_gradient(types: tuple[str, ...], rarity: str) -> tuple[str, str]:
    """Return the two ends of the gradient of a card's frame."""
    if rarity in RARITIES:
        return RARITIES[rarity]
    first, last = TYPES[types[0]], TYPES[types[-1]]
    return mix(first, "#ffffff", 0.25), last


def text_color(background: str) -> str:
    """Return white, or a dark color if white has a contrast below 4.5 to 1 (WCAG 2.2, level AA).

    >>> text_color("#5140cf"), text_color("#f0b90b")
    ('#ffffff', '#201c14')
    """
    return "#ffffff" if 1.05 / (_luminance(background) + 0.05) >= 4.5 else "#201c14"


def _luminance(color: str) -> float:
    """Relative luminance of sRGB, 0 to 1, as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
