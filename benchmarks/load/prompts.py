"""What is asked for: known names and sentences in turn, so that every second picture needs the text encoder."""

from collections.abc import Sequence

COLOURS = ("red", "blue", "green", "yellow", "purple", "white", "black", "pink")
KINDS = ("dragon", "cat", "turtle", "bird", "ghost", "flower", "fish", "golem")


def sentence(number: int) -> str:
    """Write the sentence of that number; no two are the same, and none is a known name.

    >>> sentence(9)
    'a blue cat from valley 9'
    """
    return f"a {COLOURS[number % 8]} {KINDS[number // 8 % 8]} from valley {number}"


def prompt(number: int, names: Sequence[str]) -> str:
    """Choose the prompt of the request of that number, which is its seed as well."""
    return sentence(number) if number % 2 else names[number // 2 % len(names)]
