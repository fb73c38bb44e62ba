"""Data sets from any source: records, and the digest that identifies them."""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from pgtrain.data.options import ALL, DEFAULT_VIEW, DataOptions, Resample
from pgtrain.errors import DataInvalid


@dataclass(frozen=True)
class Record:
    """One Pokémon. Text fields are empty, and `image` is None, where the data set has nothing.

    Records of one `family` evolve into each other or are forms of one Pokémon; by itself each is its own. Sprites have
    a `view`, such as "front" or "back", and may be of a `shiny`.
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
    view: str = ""
    shiny: bool = False

    @property
    def title(self) -> str:
        """Name what the picture shows: "shiny Charizard, back view"."""
        view = "" if self.view in ("", DEFAULT_VIEW) else f", {self.view} view"
        return f"{'shiny ' * self.shiny}{self.name}{view}"

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
            for name in ("texts", "view", "shiny"):
                if not each[name]:
                    del each[name]
        return cls(kept, json.dumps(described).encode(), layout or Layout())

    @property
    def images(self) -> list[Path]:
        """The files of all records that have one, in order."""
        return [record.image for record in self.records if record.image]

    @property
    def views(self) -> list[str]:
        """The views that its pictures have, sorted."""
        return sorted({record.view for record in self.records if record.image} - {""})

    @property
    def resample(self) -> Resample:
        """How its pictures are resized by default: sprites, small and each with a view, without mixing pixels."""
        from pgtrain.data.image_io import is_small  # reading a data set imports no NumPy

        sprites = [bool(record.view) and is_small(record.image) for record in self.records if record.image]
        return "nearest" if sprites and all(sprites) else "lanczos"

    def select(self, options: DataOptions) -> tuple[Self, DataOptions]:
        """Take the pictures of other views, and of shinies, away as `options` say; their names stay known.

        A picture without a view is of every view.

        Returns:
            What is left, and the options with the choices that depend on the data.

        Raises:
            DataInvalid: nothing is left, or nothing of what the options name is there.
        """
        pictured, views = [record for record in self.records if record.image], self.views
        view = options.view or (DEFAULT_VIEW if DEFAULT_VIEW in views else ALL)
        if view not in (ALL, *views):
            known = f"choose from {', '.join((*views, ALL))}" if views else "none has one; leave the view out"
            raise DataInvalid(f"no picture has the view {view[:40]!r}; {known}")
        if options.shiny and not any(record.shiny for record in pictured):
            raise DataInvalid("no picture is of a shiny; leave shinies out")

        def fits(record: Record) -> bool:
            return (view == ALL or record.view in ("", view)) and (options.shiny or not record.shiny)

        chosen = [record for record in pictured if fits(record)]
        if pictured and not chosen:
            raise DataInvalid("every picture of this view is of a shiny; take shinies, too")
        records = [record if fits(record) else replace(record, image=None) for record in self.records]
        selected = replace(self, records=records)
        resample = options.resample or selected.resample
        return selected, replace(options, view=view if views else None, resample=resample)

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

    def digest(self, background: str = "keep", resample: str | None = None) -> str:
        """SHA-256 (hex) of texts, of every image file, and of how they are decoded where that is not the default."""
        total = hashlib.sha256(self.described)
        for image in self.images:
            total.update(image.read_bytes())
        if background != "keep":
            total.update(f"background={background}".encode())
        if resample == "nearest":
            total.update(b"resample=nearest")
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
