"""A folder of class folders: every image is named after the folder that holds it.

The layout of Kaggle's lantian773030/pokemonclassification (``PokemonData/Abra/*.jpg``) and of
torchvision's ``ImageFolder``; splits above the classes (``train/Abra``, ``test/Abra``) are read together.
"""

from collections.abc import Sequence
from pathlib import Path

from pgtrain.data.records import Collection, Layout
from pgtrain.data.sources.files import scan, spoken, written_captions
from pgtrain.data.sources.images import record, says_nothing

NO_CLASS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation", "images", "pictures"))
"""Names of folders of images that are not classes."""


def fits(folder: Path) -> bool:
    """Tell whether sub-folders hold images, and `folder` itself at most one, a cover.

    A single sub-folder is a class only where the names of its files say nothing.
    """
    images = scan(folder).images
    holders = {path.parent for path in images} - {folder}
    if any(path.name.lower() in NO_CLASS for path in holders) or len(images) - len(_inside(images, folder)) > 1:
        return False
    if len(holders) == 1:
        return len(images) > 1 and all(says_nothing(path) for path in _inside(images, folder))
    return len(holders) > 1


def read(folder: Path) -> Collection:
    """Read one record a file; a cover image beside the class folders is skipped."""
    files = scan(folder)
    inside = _inside(files.images, folder)
    covers = [f"{path.name}: lies beside the class folders" for path in files.images if path.parent == folder]
    records = (record(spoken(path.parent.name), path, written_captions(path)) for path in inside)
    layout = Layout("class folders, which name their images", skipped=(*covers, *files.skipped))
    return Collection.of(records, layout)


def _inside(images: Sequence[Path], folder: Path) -> list[Path]:
    return [path for path in images if path.parent != folder]
