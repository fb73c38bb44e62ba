"""Animations: GIF, WebP and MP4."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

import numpy as np
from PIL import Image

from pgen.errors import OutputInvalid, OutputTooLarge
from pgen.images.encoders import palette
from pokegan.extras import needs_extra

ANIMATIONS = ("gif", "mp4", "webp")
"""Formats of animations: GIF and WebP repeat, and keep transparency."""

MAX_FPS = 50
"""Frames per second: GIF counts hundredths of seconds, and browsers slow down faster animations."""

MAX_PIXELS = 2**28
"""Pixels of all frames together, since GIF and WebP are encoded in memory."""


def check_animation(format: str, frames: int, size: int, fps: int) -> None:
    """Check that an animation can be encoded.

    Raises:
        OutputInvalid: it would be too large or too fast.
        MissingExtra: MP4 needs the extra `video`.
    """
    if format == "mp4":
        with needs_extra("video"):
            import av  # noqa: F401
    if frames * size * size > MAX_PIXELS:
        raise OutputTooLarge(f"{frames:,} frames with sides of {size} pixels are too many; use fewer or smaller ones")
    if not 1 <= fps <= MAX_FPS:
        raise OutputInvalid(f"fps {fps}: must be from 1 to {MAX_FPS} frames per second")


def encode_animation(images: Iterable[Image.Image], format: str, fps: int) -> bytes:
    """Encode images of one size, at least one, as an animation; `format` is one of ANIMATIONS."""
    frames = iter(images)
    if format == "mp4":
        return _mp4(frames, fps)
    content = io.BytesIO()
    timing = {"save_all": True, "duration": 1000 // fps, "loop": 0}
    if format == "webp":
        # Key frames only (kmax): libwebp's differences between frames turned transparent pixels black in a test.
        key_frames = {"lossless": True, "exact": True, "kmin": 0, "kmax": 1}
        next(frames).save(content, "WEBP", append_images=frames, **key_frames, **timing)
    else:
        first, options = palette(next(frames))
        rest = [palette(frame)[0] for frame in frames]
        # disposal 2: every frame starts transparent; otherwise the previous one shows through.
        first.save(content, "GIF", append_images=rest, disposal=2, **options, **timing)
    return content.getvalue()


def _mp4(frames: Iterator[Image.Image], fps: int) -> bytes:
    import av

    content = io.BytesIO()
    first = next(frames)
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        # 4:2:0 chroma, which every player reads, needs even sides.
        stream.width, stream.height = first.width - first.width % 2, first.height - first.height % 2
        stream.pix_fmt = "yuv420p"
        for image in chain([first], frames):
            pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()
