"""The data set on disk: a folder with ``metadata.jsonl`` and images.

This is the ``imagefolder`` convention of Hugging Face ``datasets``: one JSON object a line, with
``file_name`` relative to the folder. Every other field is optional; captions use what is there.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgtrain.errors import DataInvalid, DataNotFound

METADATA = "metadata.jsonl"


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


def read_records(folder: Path) -> list[Record]:
    """Read every record of the data set in `folder`.

    Raises:
        DataNotFound: no folder, no metadata.jsonl, or an image that a record names is missing.
        DataInvalid: a line is no JSON object or a field has the wrong type; the line is named.
    """
    path = folder / METADATA
    if not path.is_file():
        raise DataNotFound(f"{path}: not found; a data set is a folder with {METADATA} and images")
    lines = path.read_bytes().splitlines()
    records = [_record(folder, line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not any(record.image for record in records):
        raise DataInvalid(f"{path}: no record has a file_name, so there is nothing to train on")
    return records


def digest(folder: Path) -> str:
    """SHA-256 of the metadata and of every file it names, in the metadata's order (hex)."""
    total = hashlib.sha256((folder / METADATA).read_bytes())
    for record in read_records(folder):
        if record.image:
            total.update(record.image.read_bytes())
    return total.hexdigest()


def _record(folder: Path, line: bytes, where: str) -> Record:
    fields = _parse(line, where)
    image = _text(fields, "file_name", where)
    path = folder / image if image else None
    if path and not path.is_file():
        raise DataNotFound(f"{where}: {image} is not in {folder}; restore it or drop the line")
    name = _text(fields, "name", where) or (path.stem if path else "")
    if not name:
        raise DataInvalid(f"{where}: a record needs a name or a file_name")
    texts = ("color", "shape", "genus", "description", "text")
    return Record(name, path, _types(fields, where), *(_text(fields, key, where) for key in texts))


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError as error:  # also UnicodeDecodeError
        raise DataInvalid(f"{where}: not valid JSON ({error}); mend or drop the line") from error
    if not isinstance(fields, dict):
        raise DataInvalid(f"{where}: expected a JSON object, found {type(fields).__name__}")
    return fields


def _text(fields: dict[str, Any], key: str, where: str) -> str:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise DataInvalid(f"{where}: {key} must be text, found {value!r}")
    return value or ""


def _types(fields: dict[str, Any], where: str) -> tuple[str, ...]:
    types = fields.get("types") or []
    if not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
        raise DataInvalid(f"{where}: types must be a list of text, found {types!r}")
    return tuple(types)
