"""Grids: many pictures in one image."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from PIL import Image

from pgen.errors import OutputTooLarge, RequestInvalid
from pgen.images.model import DEFAULT_BATCH, PictureModel
from pgen.images.postprocess import Postprocess
from pgen.request import Request

MAX_SIDE = 16_383
"""Pixels: the limit of WebP, and a gigabyte of memory."""


def draw_grid(
    generator: PictureModel,
    requests: Sequence[Request],
    postprocess: Postprocess,
    columns: int | None,
    batch: int = DEFAULT_BATCH,
    step: Callable[[], object] = int,
) -> Image.Image:
    """Generate the pictures of `requests` as one image; `step` is called after each picture.

    Raises:
        RequestInvalid: the requests differ in more than prompt and seed.
        OutputTooLarge: the grid would exceed MAX_SIDE.
    """
    first = requests[0]
    if any(replace(first, prompt=other.prompt, seed=other.seed) != other for other in requests):
        raise RequestInvalid("the pictures of a grid must have the same model, truncation, stage, colors and parents")
    model = generator.find(first.model)
    size, postprocess = postprocess.size or generator.size(model, first.stage), postprocess.for_model(model)
    side = max(layout(len(requests), columns)) * size
    if side > MAX_SIDE:
        raise OutputTooLarge(f"the grid would have a side of {side:,} pixels; the maximum is {MAX_SIDE:,}")

    def images() -> Iterator[Image.Image]:
        for picture in generator.stream(requests, batch):
            yield postprocess.resize(picture.pixels)
            step()

    return postprocess.flatten(grid(images(), len(requests), size, columns))


def layout(count: int, columns: int | None = None) -> tuple[int, int]:
    """Choose columns and rows for `count` pictures; without `columns`, a grid as square as possible."""
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    return columns, math.ceil(count / columns)


def grid(images: Iterable[Image.Image], count: int, size: int, columns: int | None = None) -> Image.Image:
    """Arrange `count` RGBA images with sides of `size` pixels on a transparent background, see :func:`layout`."""
    columns, rows = layout(count, columns)
    sheet = Image.new("RGBA", (columns * size, rows * size))
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * size, index // columns * size))
    return sheet
