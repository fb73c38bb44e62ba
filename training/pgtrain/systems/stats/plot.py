"""Histograms of the six stats and bars of the types, real and generated."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from pgtrain.data.stats_rows import PAIRS, STATS, TYPES

PANEL, HEIGHT, GAP, BINS = 240, 120, 20, 24
REAL, DRAWN, INK = "#b8c4d6", "#d1495b", "#333333"


def distributions(
    stats: Tensor, pairs: Tensor, drawn: Tensor | None = None, chosen: Tensor | None = None
) -> Image.Image:
    """Draw the shares of `stats` (N, 6) and of types by `pairs` (N,) in gray, of generated rows in red over them."""
    canvas = Image.new("RGB", (3 * PANEL + 4 * GAP, 3 * (HEIGHT + 2 * GAP) + 2 * GAP), "white")
    draw = ImageDraw.Draw(canvas)
    for number, name in enumerate(STATS):
        corner = GAP + number % 3 * (PANEL + GAP), GAP + number // 3 * (HEIGHT + 2 * GAP)
        shares = _histogram(stats[:, number]), None if drawn is None else _histogram(drawn[:, number])
        _panel(draw, corner, PANEL, f"{name}, 1 to 255", *shares)
    corner, wide = (GAP, GAP + 2 * (HEIGHT + 2 * GAP)), 3 * PANEL + 2 * GAP
    _panel(draw, corner, wide, "types", _types(pairs), None if chosen is None else _types(chosen))
    for number, kind in enumerate(TYPES):
        draw.text((corner[0] + number * wide / len(TYPES), corner[1] + HEIGHT + 14), kind[:7], fill=INK)
    draw.text((GAP, canvas.height - GAP), "gray: real, red: generated", fill=INK)
    return canvas


def _histogram(values: Tensor) -> list[float]:
    counts = torch.histc(values.float(), BINS, 1, 256)
    return [float(share) for share in counts / counts.sum()]


def _types(pairs: Tensor) -> list[float]:
    counts = torch.zeros(len(TYPES) + 1)
    for column in zip(*PAIRS, strict=True):
        counts += torch.bincount(torch.tensor(column)[pairs], minlength=len(TYPES) + 1)
    return [float(share) for share in counts[: len(TYPES)] / max(1, len(pairs))]


def _panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    wide: int,
    title: str,
    real: Sequence[float],
    drawn: Sequence[float] | None,
) -> None:
    left, top = corner
    foot, step = top + 14 + HEIGHT, wide / len(real)
    most = max([*real, *(drawn or ())]) or 1
    draw.text((left, top), title, fill=INK)
    for number, share in enumerate(real):
        at = left + number * step
        draw.rectangle((at, foot - (HEIGHT - 10) * share / most, at + step - 2, foot), fill=REAL)
    for number, share in enumerate(drawn or ()):
        at, height = left + number * step, (HEIGHT - 10) * share / most
        draw.rectangle((at + step * 0.25, foot - height, at + step * 0.55, foot), fill=DRAWN)
    draw.line((left, foot, left + wide, foot), fill=INK)
