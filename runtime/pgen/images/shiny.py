"""Shinies: the shape of a picture in clearly other colors, those of another name that the seed picks."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pgen.request import Request
from pgen.rng import Rng, Stream
from pokegan.image_metrics import lab

MIN_DISTANCE = 30.0
"""Least distance in CIELAB between a shiny and the usual colors, the mean over the pixels of both pictures."""

TRIES = 8
"""Names whose colors are tried; after them the most distant are used, however near they are."""

Draw = Callable[[Sequence[Request]], NDArray[np.uint8]]


def with_shiny_colors(
    requests: Sequence[Request], names: Sequence[str], draw: Draw, stage: int | None
) -> list[Request]:
    """Replace each shiny request by one with the colors of a name that its seed picks; others stay as they are.

    Args:
        requests: of one model.
        names: whose colors may be used.
        draw: draws pictures, uint8 (N, S, S, 4).
        stage: the stage whose pictures are compared: always the same, so that all stages have the same colors.
    """
    chosen = [replace(request, shiny=False) for request in requests]
    pending = {row: Rng(request.seed, Stream.SHINY) for row, request in enumerate(requests) if request.shiny}
    usual = dict(zip(pending, draw([replace(chosen[row], stage=stage) for row in pending]), strict=True))
    farthest = dict.fromkeys(pending, -1.0)
    for _ in range(TRIES):
        trials = {row: replace(requests[row], shiny=False, colors=rng.pick(names)) for row, rng in pending.items()}
        pictures = draw([replace(request, stage=stage) for request in trials.values()])
        for (row, request), picture in zip(trials.items(), pictures, strict=True):
            distance = color_distance(usual[row], picture)
            if distance > farthest[row]:
                chosen[row], farthest[row] = request, distance
        pending = {row: rng for row, rng in pending.items() if farthest[row] < MIN_DISTANCE}
        if not pending:
            break
    return chosen


def color_distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the mean CIELAB distance (CIE 1976) of two pictures, uint8 (S, S, 4), over pixels that both show."""
    shown = (first[..., 3] >= 128) & (second[..., 3] >= 128)
    if not shown.any():
        return 0.0
    return float(np.linalg.norm(lab(first[shown][:, :3]) - lab(second[shown][:, :3]), axis=1).mean())
