"""Fusion: one picture from several names or sentences, whose codes the model mixes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgen.request import Request
from pgen.rng import Rng, Stream

SIDE = 4
"""Cells a side of a shape code."""

SHARES = SIDE * SIDE + 1
"""Length of a model's input `share`: the share of the second picture in each cell of the shape, and in the colors."""

ACROSS, OFFSET, STEEPNESS = 0.5, 0.15, (3.0, 12.0)
"""Edge of the mask between two shapes: weight of the horizontal position, below 1 so that most edges are horizontal;
largest distance from the center, in halves of the picture; and range of the steepness."""


@dataclass(frozen=True, eq=False)
class FusionPlan:
    """The texts whose shapes and colors are fused, and the `share` of the second shape, float32 (SHARES,)."""

    first: str
    second: str
    colors: str
    share: NDArray[np.float32]


def plan_fusion(request: Request) -> FusionPlan:
    """Plan the picture of `request` by its seed; without further parents it is that of its prompt alone.

    The seed picks two parents for the shape, the mask between them, and a parent for the colors, all in the order of
    the parents, so that the other order gives another picture.
    """
    if not request.fused:
        none = np.zeros(SHARES, np.float32)
        return FusionPlan(request.prompt, request.prompt, request.colors or request.prompt, none)
    parents = [request.prompt, *request.fused]
    rng = Rng(request.seed, Stream.FUSION)
    share = np.append(_mask(rng), np.float32(0))
    colors = request.colors or rng.pick(parents)
    first = rng.pick(range(len(parents)))
    second = (first + 1 + rng.pick(range(len(parents) - 1))) % len(parents)
    if len(parents) == 2:
        first, second = 0, 1
    return FusionPlan(parents[first], parents[second], colors, share)


def _mask(rng: Rng) -> NDArray[np.float32]:
    """Draw a smooth mask of two parts, float32 (SIDE * SIDE,), row by row: how much of the second shape a cell has."""
    angle = 2 * np.pi * rng.uniform()
    x, y = ACROSS * np.cos(angle), np.sin(angle)
    positions = np.linspace(-1, 1, SIDE)
    plane = (x * positions + y * positions[:, None]) / np.hypot(x, y) + OFFSET * (2 * rng.uniform() - 1)
    steepness = STEEPNESS[0] + (STEEPNESS[1] - STEEPNESS[0]) * rng.uniform()
    return (1 / (1 + np.exp(-steepness * plane))).astype(np.float32).ravel()  # type: ignore[no-any-return]


def fusion_name(request: Request) -> str:
    """Blend the name of a fusion from those of its first and last parent; it is never a known name."""
    from pgen.lexicon import KnownNames, blend, load_lexicon  # for fusions alone

    lexicon, rng = load_lexicon(), Rng(request.seed, Stream.FUSED_NAME)
    name = blend(request.prompt, request.fused[-1], rng, lexicon.known_letters)
    return name or lexicon.name(rng, ["normal"], KnownNames(lexicon.known))
