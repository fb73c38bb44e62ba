"""A plain folder of images, at any depth: each is named after its file."""

from pathlib import Path

from pgtrain.data.records import Collection, Record
from pgtrain.data.sources.files import find_images, spoken


def fits(folder: Path) -> bool:
    """Tell whether `folder` has any image."""
    return bool(find_images(folder))


def read(folder: Path) -> Collection:
    """Read one record a file; ``mr_mime.png`` is named "mr mime"."""
    return Collection.of(Record(spoken(path.stem), path) for path in find_images(folder))
