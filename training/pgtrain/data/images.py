"""Decoding pictures to tensors, and laying tensors out as grids."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pgtrain.data.image_io import fit, open_rgba, padded
from pgtrain.data.options import DEFAULT, DataOptions
from pgtrain.engine.footprint import require
from pgtrain.models.compositing import on_white
from pokegan.progress import progress
from pokegan.resampling import resize_premultiplied


def decode(path: Path, size: int, options: DataOptions = DEFAULT) -> Tensor:
    """Decode one image to premultiplied RGBA, uint8 (4, size, size), padded to a square.

    See :func:`pgtrain.data.image_io.fit` for ``options.whole_pixels``.

    Raises:
        DataInvalid: the file is not an image, or is truncated.
    """
    picture = open_rgba(path, options.background)
    picture = fit(picture, size, True) if options.whole_pixels else padded(picture)
    square = resize_premultiplied(picture, (size, size))
    return torch.from_numpy(square).permute(2, 0, 1).contiguous()


def decode_all(paths: Sequence[Path], size: int, options: DataOptions = DEFAULT) -> Tensor:
    """Decode every image once, uint8 (N, 4, size, size) premultiplied RGBA: 64 KiB a picture at 128.

    Raises:
        MemoryTooSmall: so many pictures do not fit into memory.
    """
    shape = (len(paths), 4, size, size)
    what = f"{len(paths):,} pictures of {size} pixels a side"
    require(math.prod(shape), what, "use fewer or smaller pictures", on_gpu=False)
    decoded = torch.empty(shape, dtype=torch.uint8)
    with progress(len(paths), unit="images decoded") as advance:
        for number, path in enumerate(paths):
            decoded[number] = decode(path, size, options)
            advance()
    return decoded


def grid(premultiplied: Tensor, columns: int = 8) -> Image.Image:
    """Lay premultiplied RGBA pictures, float (N, 4, S, S) in 0..1, out on white, `columns` a row."""
    pictures = premultiplied.detach().float().clamp(0, 1).cpu()
    flat = on_white(pictures)
    count, _, size, _ = flat.shape
    rows = math.ceil(count / columns)
    canvas = torch.ones(rows * columns, 3, size, size)
    canvas[:count] = flat
    tiled = canvas.reshape(rows, columns, 3, size, size).permute(0, 3, 1, 4, 2)
    pixels: NDArray[np.uint8] = (tiled.reshape(rows * size, columns * size, 3) * 255).round().byte().numpy()
    return Image.fromarray(pixels)
