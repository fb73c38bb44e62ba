"""Where data comes from: one adapter a layout, recognized from what is there.

An adapter is a module with ``fits(folder)`` and ``read(folder)``; a hub is one with ``fetch(name)``, which
returns a folder for the adapters. The first adapter that fits reads.
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
    """One layout of files: whether a folder has it, and how it is read.

    `read` also takes the column of captions where the layout has columns.
    """

    fits: Callable[[Path], bool]
    read: Callable[..., Collection]
    has_columns: bool = False


MARKED = (
    Adapter(metadata.fits, metadata.read, has_columns=True),
    Adapter(pokedex.fits, pokedex.read),
    Adapter(parquet.fits, parquet.read, has_columns=True),
)
"""Adapters that are recognized by one file; they come first, because their folders hold images too."""
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

    Several are one data set, in the order given; a name may have pictures in more than one. Captions are in
    `caption_column`, by default the first of the usual names.

    Raises:
        DataNotFound: there is no such place, or a file that the data set names is missing.
        DataInvalid: nothing there is of a known layout, or a record cannot be used.
        MissingExtra: a package that this source needs is not installed.
    """
    if not isinstance(data, str | Path):
        return joined([read(each, caption_column) for each in data])
    place = fetched(data, caption_column)
    if place.is_file() and place.suffix.lower() == ".parquet":
        return parquet.read(place, caption_column)
    if not place.is_dir():
        if place.is_file():
            raise DataInvalid(f"{place}: is a file that holds no pictures; give a folder with {KNOWN}")
        raise DataNotFound(f"{place}: no such folder; give a folder with {KNOWN}")
    folder = _unwrapped(place)
    for adapter in ADAPTERS:
        if adapter.fits(folder):
            if caption_column is not None and not adapter.has_columns:
                raise DataInvalid(f"{place}: has no columns, so none is {caption_column!r}; leave the column out")
            collection = adapter.read(folder, caption_column) if adapter.has_columns else adapter.read(folder)
            if folder == place:
                return collection
            layout = collection.layout
            skipped = (*scan(place, without=folder).skipped, *layout.skipped)
            return replace(collection, layout=replace(layout, skipped=skipped))
    raise DataInvalid(f"{place}: holds no data set; give a folder with {KNOWN}")


def fetched(data: str | Path, caption_column: str | None = None) -> Path:
    """Give the path of `data`, which a hub's name makes a folder.

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
    """Give the path of a table of stats, as :func:`fetched` does for pictures."""
    scheme, _, name = str(data).partition(":")
    return hub.fetch_table(name) if scheme == "hf" else fetched(data)


def _unwrapped(folder: Path) -> Path:
    # Archives wrap their content in a folder, and hubs in data/: go down while there is but one way.
    while not any(adapter.fits(folder) for adapter in MARKED):
        inner = find_folders(folder)
        if len(inner) != 1 or holds_images(folder) or classes.fits(folder):
            break
        folder = inner[0]
    return folder
