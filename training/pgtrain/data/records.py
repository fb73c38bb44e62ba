"""Data sets from any source: records, and the digest that identifies them."""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Record:
    """One Pokémon. Text fields are empty, and `image` is None, where the data set has nothing.

    Records of one `family` evolve into each other or are forms of one Pokémon; by itself each is its own.
    """

    name: str
    image: Path | None = None
    types: tuple[str, ...] = ()
    color: str = ""
    shape: str = ""
    genus: str = ""
    description: str = ""
    text: str = ""
    family: str = ""
    texts: tuple[str, ...] = ()
    """Captions in addition to `text`."""
    captioned: bool = field(default=False, compare=False)
    """Whether the data set gave it captions; without another name, the first is its name."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                object.__setattr__(self, each.name, whole_text(value))
            elif isinstance(value, tuple):
                object.__setattr__(self, each.name, tuple(map(whole_text, value)))


def whole_text(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can escape and UTF-8 cannot hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class Layout:
    """How a data set was read: the `name` of the layout, and how its files were used.

    `columns` maps the fields of a record to the columns that they came from, `unused` lists the other columns, and
    `skipped` says what was not read, and why.
    """

    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    """A data set that was read: its `records`, `described`, the bytes that their texts came from, and its `layout`."""

    records: list[Record]
    described: bytes
    layout: Layout = Layout()

    @classmethod
    def of(cls, records: Iterable[Record], layout: Layout | None = None) -> Self:
        """Collect records of a source that has no text file: their fields describe them, wherever the files lie."""
        kept = list(records)
        described = [asdict(record) | {"image": record.image is not None} for record in kept]
        for each in described:  # they are read from no such source, and older digests know nothing of them
            del each["family"], each["captioned"]
            if not each["texts"]:
                del each["texts"]
        return cls(kept, json.dumps(described).encode(), layout or Layout())

    @property
    def images(self) -> list[Path]:
        """The files of all records that have one, in order."""
        return [record.image for record in self.records if record.image]

    def held_out(self, share: float) -> frozenset[str]:
        """Choose the families that a `share` of all is held out in: the same ones at each call.

        A smaller share is part of a larger one.
        """
        known = sorted({record.family or record.name for record in self.records if record.image})
        random.Random(0).shuffle(known)
        return frozenset(known[: round(share * len(known))])

    def without(self, families: frozenset[str]) -> "Collection":
        """Take the pictures of `families` away; their names stay known."""
        kept = [
            replace(record, image=None) if (record.family or record.name) in families else record
            for record in self.records
        ]
        return replace(self, records=kept)

    def digest(self, background: str = "keep") -> str:
        """SHA-256 (hex) of texts, of every image file, and of how they are decoded where that is not the default."""
        total = hashlib.sha256(self.described)
        for image in self.images:
            total.update(image.read_bytes())
        if background != "keep":
            total.update(f"background={background}".encode())
        return total.hexdigest()


def joined(collections: Sequence[Collection]) -> Collection:
    """Join data sets, in order, into one."""
    if len(collections) == 1:
        return collections[0]
    records = [record for collection in collections for record in collection.records]
    described = b"".join(collection.described for collection in collections)
    return Collection(records, described, _joined_layouts([collection.layout for collection in collections]))


def _joined_layouts(layouts: Sequence[Layout]) -> Layout:
    columns = {field: column for layout in reversed(layouts) for field, column in layout.columns.items()}
    return Layout(
        ", ".join(dict.fromkeys(layout.name for layout in layouts)),
        columns,
        tuple(dict.fromkeys(column for layout in layouts for column in layout.unused)),
        tuple(reason for layout in layouts for reason in layout.skipped),
    )
