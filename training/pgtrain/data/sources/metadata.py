"""A folder with images and ``metadata.jsonl``, ``metadata.csv`` or ``metadata.parquet``.

This is the ``imagefolder`` convention of Hugging Face ``datasets``: one row per image, with ``file_name`` relative to
the folder of the file. All other columns are optional; families are derived from ``id`` and ``evolves_from``, the
``id`` of another row. Folders of splits may each have such a file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgtrain.data.options import DEFAULT_VIEW
from pgtrain.data.records import Collection, Layout, Record
from pgtrain.data.sources.files import RECORD_FILES, find_ignoring_case, find_metadata, named_by_captions, scan
from pgtrain.data.sources.row_files import read_rows
from pgtrain.errors import DataInvalid, DataNotFound

METADATA = "metadata.jsonl"
CAPTIONS = ("text", "caption", "captions", "en_text", "prompt", "prompts")
"""Usual names of the column of captions."""

FIELDS = ("file_name", "name", "types", "color", "shape", "genus", "description", "id", "evolves_from", "view", "shiny")


def fits(folder: Path) -> bool:
    """Tell whether `folder` has this layout."""
    return folder.is_dir() and bool(_beside(folder))


def fits_splits(folder: Path) -> bool:
    """Tell whether folders below `folder` have this layout."""
    return bool(find_metadata(folder))


def read(folder: Path, caption_column: str | None = None) -> Collection:
    """Read every record of the data set in `folder`; captions from `caption_column`, by default the usual one.

    Without a file of records in `folder` itself, those of the folders below it are read together.

    Raises:
        DataNotFound: an image that a record names is missing.
        DataInvalid: a row cannot be parsed or a field has the wrong type; the line is named.
    """
    if beside := _beside(folder):
        first, *others = beside
        return _read(folder, [first], caption_column, [f"{path.name}: {first.name} is read" for path in others])
    folders = dict.fromkeys(path.parent for path in find_metadata(folder))
    outermost = [place for place in folders if not any(above in folders for above in place.parents)]
    return _read(folder, [_beside(place)[0] for place in outermost], caption_column, [])


def _beside(folder: Path) -> list[Path]:
    present = {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True) if path.is_file()}
    return [present[name] for name in RECORD_FILES if name in present]


def _read(folder: Path, files: Sequence[Path], caption_column: str | None, skipped: Sequence[str]) -> Collection:
    described = suffix = b""
    records: list[Record] = []
    entries: list[dict[str, Any]] = []
    columns: dict[str, str] = {}
    seen: dict[str, None] = {}
    for path in files:
        content = path.read_bytes()
        described += content
        keys, rows = read_rows(path, content)
        if path.suffix.lower() != ".jsonl" and "file_name" not in map(str.lower, keys):
            raise DataInvalid(f"{path}: no column file_name; it has {', '.join(keys) or 'none'}; rename or add it")
        chosen = choose_columns(keys, caption_column, path)
        if chosen.get("caption") != choose_columns(keys, None, path).get("caption"):
            suffix += f"caption-column={caption_column}".encode()
        for cells, where in rows:
            entry = {field: cells[column] for field, column in chosen.items() if column in cells}
            records.append(_record(path.parent, entry, where))
            entries.append(entry)
        columns, seen = chosen | columns, seen | dict.fromkeys(keys)
    if not any(record.image for record in records):
        raise DataInvalid(f"{files[0]}: no record has a file_name, so there is nothing to train on")
    records = [replace(record, family=family) for record, family in zip(records, _families(entries), strict=True)]
    unused = tuple(key for key in seen if key not in columns.values())
    name = ", ".join(str(path.relative_to(folder)) for path in files)
    files_below = scan(folder)
    if unnamed := len(set(files_below.images) - {record.image for record in records}):
        skipped = [*skipped, f"{unnamed:,} images that no line names"]
    layout = Layout(name, columns, unused, (*skipped, *files_below.skipped))
    return Collection(records, described + suffix, layout)


def choose_columns(names: Sequence[str], caption_column: str | None, path: Path) -> dict[str, str]:
    """Map the fields to columns, in any case; captions are in `caption_column` or the first usual column.

    Without columns of names and usual captions, the description becomes the caption.

    Raises:
        DataInvalid: `names` lacks `caption_column`.
    """
    if caption_column is not None and names and caption_column not in names:
        raise DataInvalid(f"{path}: no column {caption_column!r}; choose from {', '.join(sorted(names))}")
    lower = {name.lower(): name for name in reversed(names)}
    columns = {field: lower[field] for field in FIELDS if field in lower}
    caption = caption_column or next((lower[name] for name in CAPTIONS if name in lower), None)
    if caption is None and "name" not in columns:
        caption = columns.pop("description", None)
    if caption is not None:
        columns = {field: column for field, column in columns.items() if column != caption} | {"caption": caption}
    return columns


def _families(entries: list[dict[str, Any]]) -> list[str]:
    """Name each entry's family by the ``id`` of the first stage of its evolution; "" for entries without ``id``."""
    steps = [(entry.get("id"), entry.get("evolves_from")) for entry in entries]
    parents = {number: parent for number, parent in steps if _is_id(number) and _is_id(parent)}
    return [_root(entry["id"], parents) if _is_id(entry.get("id")) else "" for entry in entries]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and value != ""


def _root(number: Any, parents: dict[Any, Any]) -> str:
    seen = set()
    while number in parents and number not in seen:  # ends in cycles, too
        seen.add(number)
        number = parents[number]
    return str(number)


def _record(folder: Path, fields: Mapping[str, Any], where: str) -> Record:
    file_name = _text(fields, "file_name", where)
    image = find_ignoring_case(folder, file_name) if file_name else None
    if file_name and image is None:
        raise DataNotFound(f"{where}: {file_name} is not in {folder}; restore it or drop the line")
    fallback = image.stem if image else ""
    captions = _captions(fields, where)
    name, text, texts = named_by_captions(_text(fields, "name", where), captions, fallback)
    if not name:
        raise DataInvalid(f"{where}: a record needs a name or a file_name")
    color, shape, genus, description = (_text(fields, key, where) for key in ("color", "shape", "genus", "description"))
    view, shiny = _view(fields, where)
    color = "" if shiny else color  # the recorded one is that of the normal form
    facts = (name, image, _types(fields, where), color, shape, genus, description, text)
    return Record(*facts, texts=texts, captioned=bool(captions), view=view, shiny=shiny)


def _text(fields: Mapping[str, Any], key: str, where: str) -> str:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise DataInvalid(f"{where}: {key} must be text, found {value!r}")
    return value or ""


def _view(fields: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """Return the view, and whether a shiny is shown; views named "shiny" and "back-shiny" imply both."""
    parts = re.split(r"[\W_]+", _text(fields, "view", where).lower())
    view = "-".join(part for part in parts if part not in ("", "shiny"))
    shiny = str(fields.get("shiny") or "").lower()  # a JSON boolean, or text in a cell
    if shiny not in ("", "true", "false"):
        raise DataInvalid(f"{where}: shiny must be true or false, found {fields['shiny']!r}")
    named = "shiny" in parts
    return view or DEFAULT_VIEW * named, named or shiny == "true"


def _captions(fields: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = fields.get("caption")
    texts = value if isinstance(value, list) else [value]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise DataInvalid(f"{where}: the caption must be text or a list of texts, found {value!r}")
    return tuple(text.strip() for text in texts if text and text.strip())


def _types(fields: Mapping[str, Any], where: str) -> tuple[str, ...]:
    types = fields.get("types") or []
    if isinstance(types, str) and not where.rpartition(",")[0].lower().endswith(".jsonl"):
        types = [kind.lower() for kind in re.findall(r"[^\W\d_]+", types)]  # text in a cell
    if not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
        raise DataInvalid(f"{where}: types must be a list of text, found {types!r}")
    return tuple(types)
