"""A folder with ``metadata.jsonl`` and images.

This is the ``imagefolder`` convention of Hugging Face ``datasets``: one JSON object a line, with
``file_name`` relative to the folder. Every other field is optional; captions use what is there, and families come
from ``id`` and ``evolves_from``, which names another's ``id``.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgtrain.data.records import Collection, Record
from pgtrain.errors import DataInvalid, DataNotFound

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
    parsed = [(_parse(line, where), where) for line, where in _lines(path, content)]
    records = [_record(folder, fields, where) for fields, where in parsed]
    if not any(record.image for record in records):
        raise DataInvalid(f"{path}: no record has a file_name, so there is nothing to train on")
    families = _families([fields for fields, _ in parsed])
    pairs = zip(records, families, strict=True)
    return Collection([replace(record, family=family) for record, family in pairs], content)


def _lines(path: Path, content: bytes) -> Iterable[tuple[bytes, str]]:
    """Yield every line that is not empty, and what to call it."""
    numbered = enumerate(content.splitlines(), 1)
    return ((line, f"{path}, line {number}") for number, line in numbered if line.strip())


def _families(entries: list[dict[str, Any]]) -> list[str]:
    """Name each entry's family by the ``id`` that its evolution began with; "" where it has none."""
    steps = [(entry.get("id"), entry.get("evolves_from")) for entry in entries]
    parents = {number: parent for number, parent in steps if _is_id(number) and _is_id(parent)}
    return [_root(entry["id"], parents) if _is_id(entry.get("id")) else "" for entry in entries]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _root(number: Any, parents: dict[Any, Any]) -> str:
    seen = set()
    while number in parents and number not in seen:  # a circle ends as well
        seen.add(number)
        number = parents[number]
    return str(number)


def _record(folder: Path, fields: dict[str, Any], where: str) -> Record:
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
        raise DataInvalid(f"{where}: not valid JSON ({error}); fix or remove the line") from error
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
