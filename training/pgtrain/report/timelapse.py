"""The training as a timelapse: the grids of its epochs in order, as GIF and MP4."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

FRAMES_PER_SECOND = 10

GIF_FRAMES = 60
"""Most frames of the GIF, evenly spaced: one of all epochs would have tens of megabytes."""

GIF_SIDE = 320
"""Pixels a side of the GIF."""


def write_gif(grids: Sequence[Path], out: Path) -> None:
    """Write `grids` (at least one) to an endless GIF whose last frame stays for two seconds."""
    step = max(1, -(-len(grids) // GIF_FRAMES))
    chosen = [*grids[:-1:step], grids[-1]]
    frames = [frame.quantize(128) for frame in _frames(chosen, GIF_SIDE)]
    times = [1000 // FRAMES_PER_SECOND] * (len(frames) - 1) + [2000]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)


def write_mp4(grids: Sequence[Path], out: Path) -> None:
    """Write every grid to an H.264 video, in constant memory for any number of epochs."""
    side = _opened(grids[-1]).width // 2 * 2  # H.264 with 4:2:0 color needs even sides
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FRAMES_PER_SECOND))
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for frame in _frames(grids, side):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(frame), format="rgb24")))
        container.mux(stream.encode())


def _frames(grids: Sequence[Path], side: int) -> Iterator[Image.Image]:
    # The grids of stage I are smaller than those of stage II.
    for path in grids:
        yield _opened(path).resize((side, side), Image.Resampling.LANCZOS)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as grid:
        return grid.convert("RGB")
