"""What a data set is, whatever it was read from: records, and the digest that names it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Record:
    """One Pokémon. Text fields are empty, and `image` is None, where the data set has nothing."""

    name: str
    image: Path | None = None
    types: tuple[str, ...] = ()
    color: str = ""
    shape: str = ""
    genus: str = ""
    description: str = ""
    text: str = ""


@dataclass(frozen=True)
class Collection:
    """A data set that was read: its `records`, and `described`, the bytes that their texts came from."""

    records: list[Record]
    described: bytes

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Collect records of a source that has no text file: their fields describe them, wherever the files lie."""
        kept = list(records)
        fields = [asdict(record) | {"image": record.image is not None} for record in kept]
        return cls(kept, json.dumps(fields).encode())

    @property
    def images(self) -> list[Path]:
        """The files of all records that have one, in order."""
        return [record.image for record in self.records if record.image]

    def digest(self, background: str = "keep") -> str:
        """SHA-256 (hex) of texts, of every image file, and of how they are decoded where that is not the default."""
        total = hashlib.sha256(self.described)
        for image in self.images:
            total.update(image.read_bytes())
        if background != "keep":
            total.update(f"background={background}".encode())
        return total.hexdigest()
