"""A folder of class folders: every image is named after the folder that holds it.

The layout of Kaggle's lantian773030/pokemonclassification (``PokemonData/Abra/*.jpg``) and of
torchvision's ``ImageFolder``; splits above the classes (``train/Abra``, ``test/Abra``) are read together.
"""

from pathlib import Path

from pgtrain.data.records import Collection, Record
from pgtrain.data.sources.files import find_images, spoken

NO_CLASS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation", "images", "pictures"))
"""Folders that hold images and yet name no Pokémon."""


def fits(folder: Path) -> bool:
    """Tell whether at least two sub-folders hold images and all images lie in such folders."""
    holders = {path.parent for path in find_images(folder)}
    return len(holders) > 1 and folder not in holders and not any(path.name.lower() in NO_CLASS for path in holders)


def read(folder: Path) -> Collection:
    """Read one record a file."""
    return Collection.of(Record(spoken(path.parent.name), path) for path in find_images(folder))
