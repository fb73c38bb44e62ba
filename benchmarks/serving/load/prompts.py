"""Prompts: known names and sentences in turn, so that every second image needs the text encoder."""

from collections.abc import Sequence

COLORS = ("red", "blue", "green", "yellow", "purple", "white", "black", "pink")
KINDS = ("dragon", "cat", "turtle", "bird", "ghost", "flower", "fish", "golem")


def sentence(number: int) -> str:
    """Return sentence `number`; sentences are distinct, and none is a known name.

    >>> sentence(9)
    'a blue cat from valley 9'
    """
    return f"a {COLORS[number % 8]} {KINDS[number // 8 % 8]} from valley {number}"


def prompt(number: int, names: Sequence[str]) -> str:
    """Return the prompt of request `number`, which is also its seed."""
    return sentence(number) if number % 2 else names[number // 2 % len(names)]
