"""Where data comes from: one adapter a layout, recognized from what is there.

An adapter is a module with ``fits(folder)`` and ``read(folder)``; a hub is one with ``fetch(name)``, which
returns a folder for the adapters. The first adapter that fits reads.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pgtrain.data.records import Collection, joined
from pgtrain.data.sources import classes, hub, images, kaggle, metadata, parquet, pokedex
from pgtrain.data.sources.files import find_folders, holds_images
from pgtrain.errors import DataInvalid, DataNotFound


class Adapter(Protocol):
    """One layout of files."""

    def fits(self, folder: Path, /) -> bool:
        """Tell whether `folder` has this layout."""
        ...

    def read(self, folder: Path, /) -> Collection:
        """Read the data set in `folder`."""
        ...


MARKED: tuple[Adapter, ...] = (metadata, pokedex, parquet)
"""Adapters that one file tells apart; they come first, for their folders hold images too."""
ADAPTERS: tuple[Adapter, ...] = (*MARKED, classes, images)
HUBS = {"hf": hub, "kaggle": kaggle}
KNOWN = "metadata.jsonl and images, pokedex.json and images, parquet files, class folders, or images"


def read(data: str | Path | Sequence[str | Path]) -> Collection:
    """Read `data`: a folder, a parquet file, ``hf:OWNER/NAME``, ``kaggle:OWNER/NAME``; or several of them.

    Several are one data set, in the order given; a name may have pictures in more than one.

    Raises:
        DataNotFound: there is no such place, or a file that the data set names is missing.
        DataInvalid: nothing there is of a known layout, or a record cannot be used.
        MissingExtra: a package that this source needs is not installed.
    """
    if not isinstance(data, str | Path):
        return joined([read(each) for each in data])
    scheme, _, name = str(data).partition(":")
    place = HUBS[scheme].fetch(name) if scheme in HUBS else Path(data)
    if place.is_file() and place.suffix == ".parquet":
        return parquet.read(place)
    if not place.is_dir():
        raise DataNotFound(f"{place}: no such folder; give a folder with {KNOWN}")
    folder = _unwrapped(place)
    for adapter in ADAPTERS:
        if adapter.fits(folder):
            return adapter.read(folder)
    raise DataInvalid(f"{place}: holds no data set; give a folder with {KNOWN}")


def _unwrapped(folder: Path) -> Path:
    # Archives wrap their content in a folder, and hubs in data/: go down while there is but one way.
    while not any(adapter.fits(folder) for adapter in MARKED):
        inner = find_folders(folder)
        if len(inner) != 1 or holds_images(folder):
            break
        folder = inner[0]
    return folder
