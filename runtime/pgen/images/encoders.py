"""Images to the bytes of a file, with the facts that made them."""

import io
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

DESCRIPTION = 0x010E
"""EXIF's ImageDescription, where a WebP carries its facts, as JSON."""

WEBP_EFFORT = {"method": 1, "quality": 0}
"""Of lossless WebP: a tenth more bytes than Pillow's default, in a tenth of the time (benchmarks/batches.py)."""

CLEAR = 255
"""Index of the transparent colour in the palette of a GIF."""


def encode(image: Image.Image, format: str, facts: dict[str, str]) -> bytes:
    """Encode an RGBA or RGB image; `format` is one of pgen.images.postprocess.FORMATS.

    PNG and WebP keep every pixel. The file carries `facts`: a PNG in its text chunks, a WebP as JSON in EXIF, a
    GIF as JSON in its comment.
    """
    content = io.BytesIO()
    if format == "png":
        # Run lengths alone: three times as fast as the default and no larger, since filters leave little else to find.
        image.save(content, "PNG", compress_type=zlib.Z_RLE, pnginfo=_chunks(facts))
    elif format == "webp":
        image.save(content, "WEBP", lossless=True, exact=True, **WEBP_EFFORT, exif=_exif(facts))
    else:
        indexed, options = palette(image)
        indexed.save(content, "GIF", comment=json.dumps(facts).encode(), **options)
    return content.getvalue()


def palette(image: Image.Image) -> tuple[Image.Image, dict[str, Any]]:
    """Reduce an image to a palette for GIF, with the options to save it: 255 colours and a transparent one."""
    options: dict[str, Any] = {"optimize": False}
    if image.mode != "RGBA":
        return image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), options
    visible = np.array(image.getchannel("A")) >= 128
    colours = np.array(image.convert("RGB"))
    colours[~visible] = 0  # what nobody sees takes no colour from what is seen
    indexed = Image.fromarray(colours).quantize(CLEAR, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    indexed.paste(CLEAR, mask=Image.fromarray(np.uint8(~visible) * 255))
    return indexed, options | {"transparency": CLEAR}


def _chunks(facts: dict[str, str]) -> "PngInfo":
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in facts.items():
        info.add_itxt(key, value)
    return info


def _exif(facts: dict[str, str]) -> Image.Exif:
    exif = Image.Exif()
    exif[DESCRIPTION] = json.dumps(facts)  # plain ASCII, which is all that EXIF's texts hold
    return exif
