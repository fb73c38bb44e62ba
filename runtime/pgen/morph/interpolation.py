"""The way from one picture to another: spherical between latents, linear between text embeddings."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgen.errors import RequestInvalid
from pgen.request import Request, check_batch

if TYPE_CHECKING:
    from pgen.api import Generator

MIN_FRAMES, MAX_FRAMES = 2, 10_000


def ends_of(start: str, end: str, seed: int, to_seed: int | None, like: Request) -> tuple[Request, Request]:
    """Make the requests of the first picture and of the last, whose seed is the same without `to_seed`."""
    first = replace(like, prompt=start, seed=seed)
    return first, replace(first, prompt=end, seed=seed if to_seed is None else to_seed)


def morph(
    generator: "Generator", start: Request, end: Request, frames: int, loop: bool = False, batch: int = 16
) -> Iterator[NDArray[np.uint8]]:
    """Generate the pictures between two requests of one model, both included, each uint8 (S, S, 4).

    Latents are interpolated spherically (White, 2016), because a straight line between two of them leaves the
    lengths that a generator was trained on; text embeddings linearly. With `loop` the way leads back, and the last
    picture is the one before the first.

    Raises:
        RequestInvalid: the number of frames is out of range.
        PokeganError: see :meth:`pgen.Generator.images`.
    """
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        raise RequestInvalid(f"frames {frames}: a morph has {MIN_FRAMES} to {MAX_FRAMES:,}")
    check_batch(batch)
    if start == end:
        raise RequestInvalid("both ends are the same picture; give another prompt, or another seed with --to-seed")
    model = generator.find(start.model)
    generator.check_prompts([start, end])
    latents = start.truncation * generator.draw([start.seed, end.seed], model)
    texts = generator.embed([start.prompt, end.prompt]) if model.reads_text else None
    for steps in np.array_split(_way(frames, loop), range(batch, frames, batch)):
        latent = slerp(latents[0], latents[1], steps)
        text = None if texts is None else _lerp(texts[0], texts[1], steps)
        yield from generator.generate(latent, text, model, start.stage)


def _way(frames: int, loop: bool) -> NDArray[np.float32]:
    """Say how far from start (0) to end (1) each frame is."""
    if not loop:
        return np.linspace(0, 1, frames, dtype=np.float32)
    return (1 - abs(1 - 2 * np.arange(frames) / frames)).astype(np.float32)


def _lerp(start: NDArray[np.float32], end: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 - steps[:, None]) * start + steps[:, None] * end


def slerp(start: NDArray[np.float32], end: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate between two latents, float32 (L,), along the arc between them (Shoemake, 1985).

    Args:
        start: where a step is 0.
        end: where it is 1.
        steps: float32 (N,), 0 to 1.

    Returns:
        float32 (N, L). Where the two lie on one line through the origin there is no arc, and it is a straight line.
    """
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < 1e-4:
        return _lerp(start, end, steps)
    first, last = np.sin((1 - steps) * angle), np.sin(steps * angle)
    arc = (first[:, None] * start + last[:, None] * end) / np.sin(angle)
    return arc.astype(np.float32)  # type: ignore[no-any-return]
