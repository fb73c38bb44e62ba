"""Pictures from the metadata of files: the same pixels again, or the same prompt with other seeds."""

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from pgen.bundle.reader import EMBEDDED, Bundle
from pgen.errors import PictureInvalid
from pgen.images.grid import draw_grid
from pgen.images.metadata import Metadata, read_metadata
from pgen.images.model import PictureModel
from pgen.latents import MAX_SEED
from pgen.request import Request, check_threads, choose_seeds

VARIATIONS = 8
"""Default number of variations of a picture."""


def reproduce(path: str | Path, bundle: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Image.Image:
    """Generate the picture, or the grid, of a file again: the same pixels, on the same provider.

    Args:
        path: a PNG, WebP or GIF that pgen wrote.
        bundle: folder of the bundle that generated it.
        device: see :func:`pgen.backends.registry.device_names`.
        threads: CPU threads; 0 is one a core.

    Returns:
        An image, RGBA, or RGB if it has a background. A GIF's is not yet reduced to a palette.

    Warns:
        UserWarning: another backend, or another version of it, drew the file.

    Raises:
        PictureInvalid: the file has no metadata of pgen.
        BundleInvalid: the file was generated with another bundle.
        PokeganError: the bundle or the device cannot be used.
    """
    generator = PictureModel.open(bundle, device, check_threads(threads))
    metadata = read_metadata(path, generator.bundle)
    if note := other_backend(metadata, generator.backend(generator.find(metadata.requests[0].model))):
        warnings.warn(f"{path}: {note}", stacklevel=2)
    if metadata.grid:
        return draw_grid(generator, metadata.requests, metadata.postprocess, metadata.columns)
    return metadata.postprocess.apply(generator.draw_batch(metadata.requests)[0])


def other_backend(metadata: Metadata, backend: str) -> str:
    """Say in a line that another backend, or version, drew a file than the present one; empty if none did."""
    if metadata.backend in ("", backend):
        return ""
    return f"was drawn by {metadata.backend}, and now by {backend}; a few pixels may differ"


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
