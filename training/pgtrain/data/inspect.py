"""Inspection of a data set: counts, sizes, modes, broken files, duplicates and a contact sheet; without PyTorch."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pgtrain.data.captions import captions
from pgtrain.data.image_io import fit, open_rgba
from pgtrain.data.options import DEFAULT, DataOptions
from pgtrain.data.records import Collection, Layout, Record
from pgtrain.errors import DataInvalid

CELL = 64
"""Pixels a side of a picture on the contact sheet."""

MOST = 1024
"""Most pictures on a contact sheet; those of a larger data set are sampled at even distances."""


@dataclass(frozen=True)
class Inspection:
    """The contents of a data set, and how its `layout` was read; `examples` are three captions.

    `sizes` ("width x height") and `modes` (Pillow's) count the images that can be decoded, most frequent first;
    `broken` maps each other file to the error; each of `duplicates` lists files with the same visible pixels. `views`
    counts the images of each view, those of shinies as "shiny front".
    """

    records: int
    names: int
    images: int
    views: dict[str, int]
    captions: int
    digest: str
    sizes: dict[str, int]
    modes: dict[str, int]
    broken: dict[str, str]
    duplicates: list[list[str]]
    layout: Layout
    examples: list[str]


def inspect_data(collection: Collection, advance: Callable[[], None] = lambda: None) -> Inspection:
    """Open every image once; `advance` is called before each, for a progress bar."""
    sizes, modes, broken = Counter[str](), Counter[str](), {}
    files: dict[str, list[str]] = defaultdict(list)
    for path in collection.images:
        advance()
        try:
            picture = open_rgba(path)
        except DataInvalid as error:
            broken[str(path)] = error.message
            continue
        with Image.open(path) as image:
            modes[image.mode] += 1
        sizes[f"{picture.width} x {picture.height}"] += 1
        files[_pixel_digest(picture)].append(str(path))
    return Inspection(
        records=len(collection.records),
        names=len({record.name for record in collection.records}),
        images=len(collection.images),
        views=dict(Counter(map(_view, collection.records)) - Counter({"": len(collection.records)})),
        captions=sum(record.captioned or bool(record.description) for record in collection.records),
        digest=_digest(collection),
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
        broken=broken,
        duplicates=[paths for paths in files.values() if len(paths) > 1],
        layout=collection.layout,
        examples=_examples(collection.records),
    )


def _view(record: Record) -> str:
    return f"{'shiny ' * record.shiny}{record.view}".strip() if record.image else ""


def _digest(collection: Collection) -> str:
    try:
        return collection.digest()
    except OSError:  # an unreadable file, listed as broken
        return "unknown"


def _examples(records: Sequence[Record]) -> list[str]:
    """Choose captions of the first, the middle and the last record with an image, free text where it exists."""
    pictured = [record for record in records if record.image]
    chosen = dict.fromkeys(pictured[index * (len(pictured) - 1) // 2] for index in range(3))
    return [record.text or record.description or captions(record)[-1].text for record in chosen]


def contact_sheet(paths: Sequence[Path], options: DataOptions = DEFAULT) -> Image.Image:
    """Lay at most MOST pictures out on white, in order, nearly square, each in CELL x CELL pixels.

    The cell of a broken file is gray.
    """
    count = min(len(paths), MOST)
    columns = math.ceil(math.sqrt(count))
    sheet = Image.new("RGB", (columns * CELL, math.ceil(count / columns) * CELL), "white")
    for number in range(count):
        place = (number % columns * CELL, number // columns * CELL)
        try:
            picture = open_rgba(paths[number * len(paths) // count], options.background)
        except DataInvalid:
            sheet.paste((128, 128, 128), (*place, place[0] + CELL, place[1] + CELL))
            continue
        small = fit(picture, CELL, options.whole_pixels)
        sheet.paste(small, place, small)
    return sheet


def save_sheet(paths: Sequence[Path], out: Path, options: DataOptions = DEFAULT) -> None:
    """Write the contact sheet to `out`, in the format of its extension.

    Raises:
        DataInvalid: the extension is unknown, or the file cannot be written.
    """
    try:
        contact_sheet(paths, options).save(out)
    except ValueError as error:
        raise DataInvalid(f"{out}: unknown extension; name the sheet .png, .webp or .jpg") from error
    except OSError as error:
        raise DataInvalid(f"{out}: cannot be written ({error.strerror or error}); choose another file") from error


def _pixel_digest(picture: Image.Image) -> str:
    # Premultiplied, so that the invisible color of transparent pixels makes no difference.
    return hashlib.sha256(repr(picture.size).encode() + picture.convert("RGBa").tobytes()).hexdigest()
