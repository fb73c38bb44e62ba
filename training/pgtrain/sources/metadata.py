"""A folder with ``metadata.jsonl`` and images.

This is the ``imagefolder`` convention of Hugging Face ``datasets``: one JSON object a line, with
``file_name`` relative to the folder. Every other field is optional; captions use what is there.
"""

import json
from pathlib import Path
from typing import Any

from pgtrain.errors import DataInvalid, DataNotFound
from pgtrain.records import Collection, Record

METADATA = "metadata.jsonl"


def fits(folder: Path) -> bool:
    """Tell whether `folder` has this layout."""
    return (folder / METADATA).is_file()


def read(folder: Path) -> Collection:
    """Read every record of the data set in `folder`.

    Raises:
        DataNotFound: an image that a record names is missing.
        DataInvalid: a line is no JSON object or a field has the wrong type; the line is named.
    """
    path = folder / METADATA
    content = path.read_bytes()
    lines = enumerate(content.splitlines(), 1)
    records = [_record(folder, line, f"{path}, line {number}") for number, line in lines if line.strip()]
    if not any(record.image for record in records):
        raise DataInvalid(f"{path}: no record has a file_name, so there is nothing to train on")
    return Collection(records, content)


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
