"""Data sets from any source: records, and a digest that identifies them."""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from pgtrain.data.options import ALL, DEFAULT_VIEW, DataOptions, Resample
from pgtrain.errors import DataInvalid


@dataclass(frozen=True)
class Record:
    """One picture of a Pokémon. Text fields are empty, and `image` is None, where the data set lacks them.

    Records of one `family` evolve into each other or are forms of one Pokémon; a record without a family counts as its
    own. Sprites have a `view`, such as "front" or "back", and may show a `shiny`.
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
    """Whether the data set has captions for it; the first one is its name where it has no other."""
    view: str = ""
    shiny: bool = False

    @property
    def title(self) -> str:
        """The name with view and shininess, such as "shiny Charizard, back view"."""
        view = "" if self.view in ("", DEFAULT_VIEW) else f", {self.view} view"
        return f"{'shiny ' * self.shiny}{self.name}{view}"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, str):
                object.__setattr__(self, name, whole_text(value))
            elif isinstance(value, tuple):
                object.__setattr__(self, name, tuple(map(whole_text, value)))


def whole_text(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can escape and UTF-8 cannot hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass(frozen=True)
class Layout:
    """How a data set was read: the `name` of the layout, and how its files were used.

    `columns` maps the fields of a record to the columns that they came from, `unused` lists the other columns, and
    `skipped` the files that were not read, with the reason.
    """

    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    """A data set in memory: its `records`, the bytes `described` that their texts came from, and its `layout`."""

    records: list[Record]
    described: bytes
    layout: Layout = Layout()

    @classmethod
    def of(cls, records: Iterable[Record], layout: Layout) -> Self:
        """Collect records of a source without a text file; their fields, without paths, take its place in digests."""
        kept = list(records)
        described = []
        for record in kept:
            fields = asdict(record) | {"image": record.image is not None}
            del fields["family"], fields["captioned"]
            # Empty fields that newer versions added are left out, so that digests of older runs stay valid.
            added = {name: fields.pop(name) for name in ("texts", "view", "shiny")}
            described.append(fields | {name: value for name, value in added.items() if value})
        return cls(kept, json.dumps(described).encode(), layout)

    @property
    def images(self) -> list[Path]:
        """The files of all records that have one, in order."""
        return [record.image for record in self.records if record.image]

    @property
    def views(self) -> list[str]:
        """The views of its pictures, sorted."""
        return sorted({record.view for record in self.records if record.image} - {""})

    @property
    def resample(self) -> Resample:
        """How its pictures are resized by default: sprites (small pictures, all with a view) keep whole pixels."""
        from pgtrain.data.image_io import is_small  # imports NumPy, which reading a data set does not need

        sprites = [bool(record.view) and is_small(record.image) for record in self.records if record.image]
        return "nearest" if sprites and all(sprites) else "lanczos"

    def select(self, options: DataOptions) -> tuple[Self, DataOptions]:
        """Remove the pictures of other views, and of shinies, as `options` say; their records stay, without images.

        A picture without a view belongs to every view.

        Returns:
            The remaining data set, and the options with the defaults that depend on the data.

        Raises:
            DataInvalid: no picture is left, or none has the view or shininess that the options name.
        """
        pictured, views = [record for record in self.records if record.image], self.views
        view = options.view or (DEFAULT_VIEW if DEFAULT_VIEW in views else ALL)
        if view not in (ALL, *views):
            remedy = f"choose from {', '.join((*views, ALL))}" if views else "none has a view; leave the view out"
            raise DataInvalid(f"no picture has the view {view[:40]!r}; {remedy}")
        if options.shiny and not any(record.shiny for record in pictured):
            raise DataInvalid("no picture shows a shiny; leave shinies out")

        def fits(record: Record) -> bool:
            return (view == ALL or record.view in ("", view)) and (options.shiny or not record.shiny)

        if pictured and not any(map(fits, pictured)):
            raise DataInvalid("every picture of this view shows a shiny; include shinies")
        records = [record if fits(record) else replace(record, image=None) for record in self.records]
        selected = replace(self, records=records)
        resample = options.resample or selected.resample
        return selected, replace(options, view=view if views else None, resample=resample)

    def held_out(self, share: float) -> frozenset[str]:
        """Choose a `share` of the families to hold out, deterministically; a smaller share is part of a larger one."""
        families = sorted({record.family or record.name for record in self.records if record.image})
        random.Random(0).shuffle(families)
        return frozenset(families[: round(share * len(families))])

    def without(self, families: frozenset[str]) -> "Collection":
        """Remove the pictures of `families`; their records stay, without images."""
        kept = [
            replace(record, image=None) if (record.family or record.name) in families else record
            for record in self.records
        ]
        return replace(self, records=kept)

    def digest(self, background: str = "keep", resample: str | None = None) -> str:
        """SHA-256 (hex) of the texts, of every image file, and of the options of decoding that are not the default."""
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
    layouts = [collection.layout for collection in collections]
    layout = Layout(
        ", ".join(dict.fromkeys(layout.name for layout in layouts)),
        {field: column for layout in reversed(layouts) for field, column in layout.columns.items()},
        tuple(dict.fromkeys(column for layout in layouts for column in layout.unused)),
        tuple(reason for layout in layouts for reason in layout.skipped),
    )
    return Collection(records, described, layout)
