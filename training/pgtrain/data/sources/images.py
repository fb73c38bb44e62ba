"""A plain folder of images, at any depth: each is named by the text file beside it, or after its own file."""

import re
from pathlib import Path

from pgtrain.data.records import Collection, Layout, Record
from pgtrain.data.sources.files import named_by_captions, scan, spoken, written_captions

MEANINGLESS = frozenset(("", "img", "image", "images", "picture", "photo", "pic", "file", "download"))
"""File names, without their digits, that do not say what the image shows."""


def fits(folder: Path) -> bool:
    """Tell whether `folder` has any image."""
    return bool(scan(folder).images)


def read(folder: Path) -> Collection:
    """Read one record a file; ``mr_mime.png`` is named "mr mime"."""
    files = scan(folder)
    texts = [written_captions(path) for path in files.images]
    names = "the text files beside them" if any(texts) else "their files"
    records = (
        record("", path, captions, spoken(path.stem)) for path, captions in zip(files.images, texts, strict=True)
    )
    return Collection.of(records, Layout(f"images, named after {names}", skipped=files.skipped))


def record(name: str, path: Path, captions: tuple[str, ...], fallback: str = "") -> Record:
    """Make a record of an image and the captions in the text file beside it."""
    name, text, more = named_by_captions(name, captions, fallback)
    return Record(name, path, text=text, texts=more, captioned=bool(captions))


def says_nothing(path: Path) -> bool:
    """Tell whether an image is only numbered, as the images of one class are."""
    letters = re.sub(r"[\W\d_]+", "", path.stem).lower()
    return letters in MEANINGLESS or letters == re.sub(r"[\W\d_]+", "", path.parent.name).lower()
