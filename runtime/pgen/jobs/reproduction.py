"""Reproduction of pictures, grids, cards, sheets and sprites from the metadata of their files."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from PIL import Image

from pgen.bundle.reader import EMBEDDED
from pgen.dex.reproduce import redraw_cards
from pgen.images.grid import draw_grid
from pgen.images.metadata import read_fields, read_metadata
from pgen.images.model import PictureModel
from pgen.images.naming import check_file
from pgen.images.sprite import redraw_sprite
from pgen.jobs.write import put
from pokegan.errors import one_line


def reproduce(path: str | Path, bundle: str | Path = EMBEDDED, device: str = "auto", threads: int = 0) -> Image.Image:
    """Generate the picture, grid, card, sheet or sprite of a file again: the same pixels, on the same provider.

    Args:
        path: a PNG, WebP, GIF or JPEG that pgen wrote.
        bundle: folder of the bundle that generated it.
        device: see :func:`pgen.backends.registry.device_names`.
        threads: CPU threads; 0 is one a core.

    Returns:
        An image, RGBA, or RGB if it has a background, or of a sprite with a palette. A GIF's is not yet reduced to a
        palette.

    Warns:
        UserWarning: another backend, or another version of it, drew the file.

    Raises:
        PictureNotFound: the file is missing.
        PictureInvalid: the file has no metadata of pgen.
        BundleInvalid: the file was generated with another bundle.
        PokeganError: the bundle or the device cannot be used.
    """
    path = Path(path)
    model = PictureModel.open(bundle, device, threads)
    image = Image.open(BytesIO(_redrawn(model, path))) if is_fixed(path) else _redrawn_picture(model, path)
    if note := _note(model, path):
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return image


def is_fixed(path: Path) -> bool:
    """Return whether a file is a card, a sheet or a sprite, which are always PNG files of one size.

    Raises:
        PictureInvalid: the file is not a picture.
    """
    return not {"dex", "sprite"}.isdisjoint(read_fields(path)[1])


@dataclass(frozen=True)
class Redrawn:
    """A card, a sheet or a sprite that was written again; `note` says if another backend drew it."""

    file: Path
    milliseconds: float
    note: str = ""

    def described(self) -> dict[str, Any]:
        """Return nothing: the metadata of the file describe it."""
        return {}


def redraw_file(model: PictureModel, path: Path, out: Path | BinaryIO) -> Redrawn:
    """Draw a card, a sheet or a sprite again, and write it to a file or an open stream.

    Raises:
        PictureInvalid: the file is none, or its metadata are invalid.
        BundleInvalid: the file was generated with another bundle.
        OutputInvalid: `out` cannot be written, or is not a PNG file.
    """
    began = perf_counter()
    if isinstance(out, Path):
        check_file(out, ("png",), "png")
    file = put(out, _redrawn(model, path))
    return Redrawn(file, 1e3 * (perf_counter() - began), _note(model, path))


def _redrawn(model: PictureModel, path: Path) -> bytes:
    fields = read_fields(path)[1]
    if "dex" in fields:
        return redraw_cards(model, path, fields["dex"])
    return redraw_sprite(model, path)


def _redrawn_picture(model: PictureModel, path: Path) -> Image.Image:
    metadata = read_metadata(path, model.bundle)
    if metadata.grid:
        return draw_grid(model, metadata.requests, metadata.postprocess, metadata.columns)
    return metadata.postprocess.apply(model.draw_batch(metadata.requests)[0])


def _note(model: PictureModel, path: Path) -> str:
    fields = read_fields(path)[1]
    drawn_by = one_line(fields["backend"]) if fields.get("backend") else ""
    return other_backend(drawn_by, model.backend(model.find(fields.get("model"))))


def other_backend(drawn_by: str, backend: str) -> str:
    """Return a note that another backend, or another version of it, drew a file; empty if it is the present one."""
    if drawn_by in ("", backend):
        return ""
    return f"was drawn by {drawn_by}, and now by {backend}; a few pixels may differ"
