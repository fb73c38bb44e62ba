"""Pictures from the metadata of files: the same pixels again, or the same prompt with other seeds."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from pgen.bundle.reader import Bundle
from pgen.errors import PictureInvalid
from pgen.images.grid import draw_grid
from pgen.images.metadata import read_metadata
from pgen.images.model import PictureModel
from pgen.latents import MAX_SEED
from pgen.request import Request, choose_seeds

VARIATIONS = 8
"""Default number of variations of a picture."""


def redraw_picture(model: PictureModel, path: Path) -> Image.Image:
    """Draw the picture, or the grid, of the file at `path` again: the same pixels, on the same provider.

    Returns:
        An image, RGBA, or RGB if it has a background. A GIF's is not yet reduced to a palette.

    Raises:
        PictureInvalid: the file has no metadata of pgen.
        BundleInvalid: the file was generated with another bundle.
    """
    metadata = read_metadata(path, model.bundle)
    if metadata.grid:
        return draw_grid(model, metadata.requests, metadata.postprocess, metadata.columns)
    return metadata.postprocess.apply(model.draw_batch(metadata.requests)[0])


def other_backend(drawn_by: str, backend: str) -> str:
    """Say in a line that another backend, or version, drew a file than the present one; empty if none did."""
    if drawn_by in ("", backend):
        return ""
    return f"was drawn by {drawn_by}, and now by {backend}; a few pixels may differ"


def variation_requests(
    path: Path,
    bundle: Bundle,
    n: int | None = None,
    seed: int | None = None,
    seeds: str | Iterable[int] | None = None,
) -> list[Request]:
    """Request the picture of a file with other seeds; by default VARIATIONS of them, which follow the file's seed.

    Raises:
        PictureInvalid: the file has no metadata of pgen, or is a grid.
        BundleInvalid: the file was generated with another bundle.
        RequestInvalid: see :func:`pgen.request.choose_seeds`.
    """
    metadata = read_metadata(path, bundle)
    if metadata.grid:
        raise PictureInvalid(f"{path}: is a grid; name a file of one picture")
    (request,) = metadata.requests
    if request.prompt and request.model == bundle.name("text-to-image"):
        request = replace(request, model=None)  # most likely not given, and names of files are shorter without it
    chosen = choose_seeds(n, seed, seeds, defaults=(VARIATIONS, (request.seed + 1) % (MAX_SEED + 1)))
    return [replace(request, seed=other) for other in chosen]
