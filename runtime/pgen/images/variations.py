"""Variations of a picture: its request with other seeds, from the metadata of its file."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pgen.bundle.reader import Bundle
from pgen.errors import PictureInvalid
from pgen.images.metadata import read_metadata
from pgen.latents import MAX_SEED
from pgen.request import Request, choose_seeds

VARIATIONS = 8
"""Default number of variations of a picture."""


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
    return [replace(request, seed=new_seed) for new_seed in chosen]
