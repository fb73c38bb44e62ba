"""Films of pictures: GIF, WebP and MP4."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

import numpy as np
from PIL import Image

from pgen.errors import OutputInvalid
from pgen.images.encoders import palette
from pokegan.extras import needs_extra

FILMS = ("gif", "mp4", "webp")
"""Formats of films: GIF and WebP run without end, and keep what is transparent."""

MAX_FPS = 50
"""Frames a second: GIF counts in hundredths, and what runs faster is slowed down by browsers."""

MAX_PIXELS = 2**28
"""Pixels of all frames together, since GIF and WebP are put together in memory."""


def check_film(format: str, frames: int, size: int, fps: int) -> None:
    """Check that a film can be put together.

    Raises:
        OutputInvalid: it is too large or too fast.
        MissingExtra: MP4 needs the extra `video`.
    """
    if format == "mp4":
        with needs_extra("video"):
            import av  # noqa: F401
    if frames * size * size > MAX_PIXELS:
        raise OutputInvalid(f"{frames:,} frames of {size} pixels a side are too many; lower --frames or --size")
    if not 1 <= fps <= MAX_FPS:
        raise OutputInvalid(f"fps {fps}: a film has 1 to {MAX_FPS} frames a second")


def film(images: Iterable[Image.Image], format: str, fps: int) -> bytes:
    """Encode finished images of one size as a film, at least one; `format` is one of FILMS."""
    frames = iter(images)
    if format == "mp4":
        return _mp4(frames, fps)
    content = io.BytesIO()
    timing = {"save_all": True, "duration": 1000 // fps, "loop": 0}
    if format == "webp":
        # Every frame whole (kmax): libwebp's differences between frames turned clear ground black in a test.
        whole = {"lossless": True, "exact": True, "kmin": 0, "kmax": 1}
        next(frames).save(content, "WEBP", append_images=frames, **whole, **timing)
    else:
        first, options = palette(next(frames))
        rest = [palette(frame)[0] for frame in frames]
        # disposal 2: every frame begins on clear ground; otherwise the one before shows through.
        first.save(content, "GIF", append_images=rest, disposal=2, **options, **timing)
    return content.getvalue()


def _mp4(frames: Iterator[Image.Image], fps: int) -> bytes:
    import av

    content = io.BytesIO()
    first = next(frames)
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        # 4:2:0 colour, which every player reads, needs even sides.
        stream.width, stream.height = first.width - first.width % 2, first.height - first.height % 2
        stream.pix_fmt = "yuv420p"
        for image in chain([first], frames):
            pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()
