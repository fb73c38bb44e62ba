"""The contact sheet of drawn pictures, each with its prompt below. It contains no artwork."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pgtrain.data.images import grid

COLUMNS = 8
LINE = 12
"""Height of a line of a caption in pixels."""
SHOWN = 128
"""Pixels a side of each picture."""


def sheet(rows: Sequence[tuple[str, Tensor]]) -> Image.Image:
    """Lay pictures out on white, COLUMNS a row: each a caption and premultiplied RGBA, uint8 (4, S, S)."""
    height = SHOWN + 3 * LINE
    count = -(-len(rows) // COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * SHOWN, count * height), "white")
    # Pillow's own font lacks é; matplotlib, a dependency of the curves, includes one that has it.
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 10)
    pen = ImageDraw.Draw(canvas)
    for index, (caption, picture) in enumerate(rows):
        left, top = index % COLUMNS * SHOWN, index // COLUMNS * height
        shown = grid(picture[None].float() / 255, columns=1).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        canvas.paste(shown, (left, top))
        for line, text in enumerate(_wrapped(caption, font)):
            pen.text((left + 2, top + SHOWN + line * LINE), text, fill="black", font=font)
    return canvas


def _wrapped(caption: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """Wrap a caption into at most three lines of the width of a picture."""
    lines = [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > SHOWN - 4:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines[:3]


def chosen(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` indices, evenly spaced."""
    return [int(index) for index in torch.linspace(0, count - 1, min(count, most))]
