"""Interpolation between two pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pgen.errors import EqualEnds, RequestInvalid
from pgen.images.fusion import SHARES
from pgen.images.model import Inputs, PictureModel
from pgen.request import Request, check_batch, integer

MIN_FRAMES, MAX_FRAMES = 2, 10_000


def morph_ends(start: str, end: str, seed: int, to_seed: int | None, template: Request) -> tuple[Request, Request]:
    """Return the requests of the first and the last picture; without `to_seed`, both have the same seed."""
    first = replace(template, prompt=start, seed=seed)
    return first, replace(first, prompt=end, seed=seed if to_seed is None else to_seed)


def morph(
    generator: PictureModel, start: Request, end: Request, frames: int, loop: bool = False, batch: int = 16
) -> Iterator[NDArray[np.uint8]]:
    """Generate the frames from one request to another of the same model, both included, each uint8 (S, S, 4).

    A model that mixes requests interpolates their codes. For others, latents are interpolated spherically (White,
    2016), because points on a straight line between two of them are shorter than the latents of training, and text
    embeddings linearly. With `loop` the frames return to the start, and the last frame is the one before the first.

    Raises:
        RequestInvalid: the number of frames is out of range, or both requests are equal.
        PokeganError: see :meth:`pgen.Generator.images`.
    """
    frames, batch = integer("frames", frames), check_batch(batch)
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        raise RequestInvalid(f"frames {frames}: must be from {MIN_FRAMES} to {MAX_FRAMES:,}")
    if start == end:
        raise EqualEnds("both ends are the same picture; choose another prompt or seed for one")
    _refuse_fusions(start, end)
    model = generator.find(start.model)
    ends = generator.inputs([start, end])
    interpolate = _mixed if model.mixes else _interpolated
    for steps in np.array_split(_positions(frames, loop), range(batch, frames, batch)):
        yield from generator.generate(interpolate(ends, steps), model, start.stage)


def halfway(generator: PictureModel, start: Request, ends: Iterable[Request]) -> Iterator[NDArray[np.uint8]]:
    """Generate the picture halfway between `start` and each of `ends`, of the same model, as in :func:`morph`.

    Raises:
        RequestInvalid: one is a fusion.
    """
    _refuse_fusions(start)
    model = generator.find(start.model)
    interpolate = _mixed if model.mixes else _interpolated
    for end in ends:
        inputs = interpolate(generator.inputs([start, end]), np.array([0.5], np.float32))
        yield generator.generate(inputs, model, start.stage)[0]


def _refuse_fusions(*ends: Request) -> None:
    if any(end.fused for end in ends):
        raise RequestInvalid("a fusion cannot be an end of a morph; give one name or sentence")


def _mixed(ends: Inputs, steps: NDArray[np.float32]) -> Inputs:
    """Make the inputs of frames whose codes the model mixes; both ends are rows of `ends`.

    The nearer end is the one that is mixed into, so that the first and the last frame are the pictures themselves.
    """
    late = (steps > 0.5)[:, None]
    share = np.where(late[:, 0], 1 - steps, steps)[:, None].astype(np.float32)
    first = {name: np.where(late, values[1:], values[:1]) for name, values in ends.items()}
    second = {f"second_{name}": np.where(late, values[:1], values[1:]) for name, values in ends.items()}
    return {**first, **second, "share": np.repeat(share, SHARES, axis=1)}


def _interpolated(ends: Inputs, steps: NDArray[np.float32]) -> Inputs:
    functions = {"latent": slerp, "text": _lerp}
    return {name: functions[name](values[0], values[1], steps) for name, values in ends.items()}


def _positions(frames: int, loop: bool) -> NDArray[np.float32]:
    """Return the position of each frame between start (0) and end (1), float32 (frames,)."""
    if not loop:
        return np.linspace(0, 1, frames, dtype=np.float32)
    return (1 - abs(1 - 2 * np.arange(frames) / frames)).astype(np.float32)


def _lerp(start: NDArray[np.float32], end: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 - steps[:, None]) * start + steps[:, None] * end


def slerp(start: NDArray[np.float32], end: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate between two latents, float32 (L,), along the arc between them (Shoemake, 1985).

    Args:
        start: the latent at step 0.
        end: the latent at step 1.
        steps: float32 (N,), 0 to 1.

    Returns:
        float32 (N, L). Latents on one line through the origin have no arc; they are interpolated linearly.
    """
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < 1e-4:
        return _lerp(start, end, steps)
    first, last = np.sin((1 - steps) * angle), np.sin(steps * angle)
    arc = (first[:, None] * start + last[:, None] * end) / np.sin(angle)
    return arc.astype(np.float32)  # type: ignore[no-any-return]
