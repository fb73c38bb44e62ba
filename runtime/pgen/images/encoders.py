"""Encoding of images with their metadata."""

import io
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

DESCRIPTION = 0x010E
"""EXIF's ImageDescription, which holds the metadata of a WebP or JPEG as JSON."""

WEBP_EFFORT: dict[str, Any] = {"method": 1, "quality": 0}
"""Lossless WebP: a tenth more bytes than with Pillow's default, in a tenth of the time (benchmarks/batches.py)."""

JPEG_QUALITY = 95
"""Of 100: at this quality and without chroma subsampling, edges of flat areas show no visible halos."""

CLEAR = 255
"""Index of the transparent color in the palette of a GIF."""


def encode(image: Image.Image, format: str, fields: dict[str, str]) -> bytes:
    """Encode an RGBA or RGB image; `format` is one of pgen.images.postprocess.FORMATS.

    PNG and WebP keep every pixel. The metadata `fields` are stored in the text chunks of a PNG, as JSON in the EXIF
    of a WebP or JPEG, and as JSON in the comment of a GIF.
    """
    content = io.BytesIO()
    content.name = f"picture.{format}"  # by a name's extension Pillow imports one plugin, by a format five
    if format == "png":
        # Run lengths only: three times as fast as the default and no larger, since filters leave little to compress.
        image.save(content, compress_type=zlib.Z_RLE, pnginfo=text_chunks(fields))
    elif format == "webp":
        image.save(content, lossless=True, exact=True, **WEBP_EFFORT, exif=_exif(fields))
    elif format == "jpeg":
        _opaque(image).save(content, quality=JPEG_QUALITY, subsampling=0, exif=_exif(fields))
    else:
        indexed, options = palette(image)
        indexed.save(content, comment=json.dumps(fields).encode(), **options)
    return content.getvalue()


def _opaque(image: Image.Image) -> Image.Image:
    """Lay an image on white where it is transparent."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def palette(image: Image.Image) -> tuple[Image.Image, dict[str, Any]]:
    """Reduce an image to a palette for GIF, 255 colors and a transparent one; also return the options to save it."""
    options: dict[str, Any] = {"optimize": False}
    if image.mode != "RGBA":
        return image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), options
    visible = np.array(image.getchannel("A")) >= 128
    colors = np.array(image.convert("RGB"))
    colors[~visible] = 0  # invisible pixels take no entries of the palette
    indexed = Image.fromarray(colors).quantize(CLEAR, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    indexed.paste(CLEAR, mask=Image.fromarray(np.uint8(~visible) * 255))
    return indexed, options | {"transparency": CLEAR}


def text_chunks(fields: dict[str, str]) -> "PngInfo":
    """Return the text chunks of a PNG that hold the metadata `fields`, UTF-8."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in fields.items():
        info.add_itxt(key, value)
    return info


def _exif(fields: dict[str, str]) -> Image.Exif:
    exif = Image.Exif()
    exif[DESCRIPTION] = json.dumps(fields)  # ASCII, the only encoding of EXIF's texts
    return exif
