"""Sources of data sets: an adapter for each layout of files, and hubs.

An adapter is a module with ``fits(folder)`` and ``read(folder)``; a hub is a module with ``fetch(name)``, which
returns a folder. The first adapter that fits the folder reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pgtrain.data.records import Collection, joined
from pgtrain.data.sources import classes, hub, images, kaggle, metadata, parquet, pokedex
from pgtrain.data.sources.files import find_folders, holds_images, scan
from pgtrain.errors import DataInvalid, DataNotFound


class Adapter(NamedTuple):
    """A layout of files: `fits` recognizes a folder of it, and `read` reads it.

    `read` also takes the column of captions if the layout has columns.
    """

    fits: Callable[[Path], bool]
    read: Callable[..., Collection]
    has_columns: bool = False


MARKED = (
    Adapter(metadata.fits, metadata.read, has_columns=True),
    Adapter(pokedex.fits, pokedex.read),
    Adapter(parquet.fits, parquet.read, has_columns=True),
)
"""Adapters recognized by a file; they come first, because their folders also hold images."""

ADAPTERS = (
    *MARKED,
    Adapter(metadata.fits_splits, metadata.read, has_columns=True),
    Adapter(parquet.fits_splits, parquet.read, has_columns=True),
    Adapter(classes.fits, classes.read),
    Adapter(images.fits, images.read),
)
KNOWN = "metadata.jsonl (.csv, .parquet) and images, pokedex.json and images, parquet files, class folders, or images"


def read(data: str | Path | Sequence[str | Path], caption_column: str | None = None) -> Collection:
    """Read `data`: a folder, a parquet file, ``hf:OWNER/NAME``, ``kaggle:OWNER/NAME``; or several of them.

    Several are joined to one data set, in order. Captions are in `caption_column`, by default the first usual column.

    Raises:
        DataNotFound: `data` does not exist, or a file that the data set names is missing.
        DataInvalid: the layout is unknown, or a record cannot be used.
        MissingExtra: a package that this source needs is not installed.
    """
    if not isinstance(data, str | Path):
        return joined([read(source, caption_column) for source in data])
    path = fetched(data, caption_column)
    if path.is_file():
        if path.suffix.lower() == ".parquet":
            return parquet.read(path, caption_column)
        raise DataInvalid(f"{path}: is a file that holds no pictures; give a folder with {KNOWN}")
    if not path.is_dir():
        raise DataNotFound(f"{path}: no such folder; give a folder with {KNOWN}")
    folder = _unwrapped(path)
    adapter = next((adapter for adapter in ADAPTERS if adapter.fits(folder)), None)
    if adapter is None:
        raise DataInvalid(f"{path}: holds no data set; give a folder with {KNOWN}")
    if caption_column is not None and not adapter.has_columns:
        raise DataInvalid(f"{path}: has no columns, so none is {caption_column!r}; leave the column out")
    collection = adapter.read(folder, caption_column) if adapter.has_columns else adapter.read(folder)
    if folder == path:
        return collection
    skipped = (*scan(path, without=folder).skipped, *collection.layout.skipped)
    return replace(collection, layout=replace(collection.layout, skipped=skipped))


def fetched(data: str | Path, caption_column: str | None = None) -> Path:
    """Return the path of `data`; a data set of a hub is downloaded first.

    Raises:
        DataNotFound: `data` is empty, or the hub cannot be reached.
    """
    if not str(data).strip():
        raise DataNotFound(f"the name of a data set is empty; give a folder with {KNOWN}")
    scheme, _, name = str(data).partition(":")
    if scheme == "hf":
        return hub.fetch(name, caption_column)
    return kaggle.fetch(name) if scheme == "kaggle" else Path(data)


def fetched_table(data: str | Path) -> Path:
    """Return the path of a table of stats, as :func:`fetched` does for pictures."""
    scheme, _, name = str(data).partition(":")
    return hub.fetch_table(name) if scheme == "hf" else fetched(data)


def _unwrapped(folder: Path) -> Path:
    # Archives wrap their content in a folder, and hubs in data/: descend while there is only one folder.
    while not any(adapter.fits(folder) for adapter in MARKED):
        inner = find_folders(folder)
        if len(inner) != 1 or holds_images(folder) or classes.fits(folder):
            break
        folder = inner[0]
    return folder
