"""A hub data set with an image and a text column, as one parquet file or a folder of them.

Hugging Face ``datasets`` stores an image as a struct of its file's ``bytes`` and ``path``. The images are
extracted once into the user's cache, as a folder with metadata.jsonl, which is read like any other.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pgtrain.data.records import Collection, Layout
from pgtrain.data.sources import metadata
from pgtrain.data.sources.files import SUFFIXES, cache_folder, scan, spoken
from pgtrain.errors import DataInvalid
from pokegan.errors import one_line, write_remedy
from pokegan.extras import needs_extra

NAMES = ("name", "pokemon", "pokemon_name")
TEXTS = (*metadata.CAPTIONS, "description")
LAYOUT = b"4"
"""Version of the extracted folders, part of their digest: older ones are extracted again."""


class Columns(NamedTuple):
    """The names of the columns that are read; None where there is none."""

    image: str
    name: str | None
    text: str | None
    unused: tuple[str, ...] = ()


def fits(folder: Path) -> bool:
    """Tell whether `folder` holds parquet files."""
    return any(folder.glob("*.parquet"))


def fits_splits(folder: Path) -> bool:
    """Tell whether folders in `folder` hold parquet files, and it has no other data: one folder a split."""
    return any(folder.glob("*/*.parquet")) and not scan(folder).images


def read(place: Path, caption_column: str | None = None) -> Collection:
    """Read the parquet file, or all those of the folder or its splits, at `place`; captions are in `caption_column`.

    Raises:
        DataInvalid: a file is damaged, has no image column, or a row has no image file in it.
        MissingExtra: pyarrow is not installed.
    """
    within = sorted(place.glob("*.parquet")) or sorted(place.glob("*/*.parquet"))
    files = within if place.is_dir() else [place]
    collection = metadata.read(extract(files, caption_column))
    with needs_extra("data"):
        from pyarrow.parquet import read_schema
    chosen = find_columns(read_schema(files[0]), files[0], caption_column)
    names = {"image": chosen.image, "name": chosen.name, "caption": chosen.text}
    columns = {field: column for field, column in names.items() if column}
    layout = Layout(f"parquet, {len(files)} files" if len(files) > 1 else "parquet", columns, chosen.unused)
    return replace(collection, layout=layout)


def extract(files: Sequence[Path], caption_column: str | None = None) -> Path:
    """Extract the rows of parquet files into the cache, once for the same content, and return the folder."""
    total = hashlib.sha256(LAYOUT)
    if caption_column is not None:
        total.update(f"caption-column={caption_column}".encode())
    for file in files:
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    folder = cache_folder("parquet", total.hexdigest()[:32])
    if not metadata.fits(folder):
        _write(files, folder, caption_column)
    return folder


def _write(files: Sequence[Path], folder: Path, caption_column: str | None) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as beside:
            extracted = Path(beside) / "extracted"
            (extracted / "images").mkdir(parents=True)
            rows = (row for file in files for row in _rows(file, caption_column))
            lines = [_saved(extracted, number, *row) for number, row in enumerate(rows)]
            (extracted / metadata.METADATA).write_text("\n".join(lines), "utf-8")
            extracted.replace(folder)
    except OSError as error:
        if not metadata.fits(folder):  # else another process has extracted it
            raise DataInvalid(f"{folder}: cannot be written ({error.strerror}); {write_remedy(error)}") from error


def _rows(file: Path, caption_column: str | None) -> Iterator[tuple[dict[str, Any], Columns, str]]:
    with needs_extra("data"):
        import pyarrow
        from pyarrow.parquet import ParquetFile
    try:
        with ParquetFile(file) as opened:
            columns = find_columns(opened.schema_arrow, file, caption_column)
            named = [name for name in columns[:3] if name]
            number = 0
            for batch in opened.iter_batches(64, columns=named):
                for row in batch.to_pylist():
                    number += 1
                    yield row, columns, f"{file}, row {number}"
    except (pyarrow.ArrowException, OSError) as error:
        raise DataInvalid(f"{file}: cannot be read ({one_line(error)}); download it again") from error


def find_columns(schema: Any, file: Path, caption_column: str | None) -> Columns:
    """Choose the columns of an arrow `schema`: by type, then by usual names, or `caption_column`.

    Raises:
        DataInvalid: no column stores images, or there is no `caption_column`.
    """
    import pyarrow

    texts = [field.name for field in schema if _is_text(pyarrow.types, field.type)]
    lists = [field.name for field in schema if _is_list_of_texts(pyarrow.types, field.type)]
    if caption_column is not None and caption_column not in texts + lists:
        choice = ", ".join(sorted(texts + lists)) or "none: no column is text"
        raise DataInvalid(f"{file}: no column {caption_column!r}; choose from {choice}")
    images = [field.name for field in schema if _stores_files(pyarrow, field.type)]
    if not images:
        raise DataInvalid(f"{file}: no column stores images (a struct of bytes and path); it has {schema.names}")
    image = "image" if "image" in images else images[0]
    lower = {column.lower(): column for column in reversed((*texts, *lists))}
    name = next((lower[name] for name in NAMES if lower.get(name) in texts and lower[name] != caption_column), None)
    others = [text for text in texts if text != name]
    usual = next((lower[text] for text in TEXTS if text in lower and lower[text] != name), None)
    text = caption_column or usual or (others[0] if others else None)
    return Columns(image, name, text, tuple(column for column in schema.names if column not in (image, name, text)))


def _is_text(types: Any, kind: Any) -> bool:
    if types.is_dictionary(kind):
        return _is_text(types, kind.value_type)
    is_view = getattr(types, "is_string_view", lambda _: False)  # of pyarrow 16
    return bool(types.is_string(kind) or types.is_large_string(kind) or is_view(kind))


def _is_list_of_texts(types: Any, kind: Any) -> bool:
    kinds = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")  # the last two of pyarrow 16
    return any(getattr(types, f"is_{name}", lambda _: False)(kind) for name in kinds) and _is_text(
        types, kind.value_type
    )


def _stores_files(pyarrow: Any, kind: Any) -> bool:
    if pyarrow.types.is_struct(kind):
        return {"bytes", "path"} <= {field.name for field in kind}
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def _saved(folder: Path, number: int, row: dict[str, Any], columns: Columns, where: str) -> str:
    stored = row[columns.image]
    content, path = (stored["bytes"], stored["path"] or "") if isinstance(stored, dict) else (stored, "")
    if not content:
        raise DataInvalid(f"{where}: stores no image file in column {columns.image}; drop the row")
    suffix = Path(path).suffix.lower()
    file = f"images/{number:06d}{suffix if suffix in SUFFIXES else '.png'}"  # decoders look at the content
    (folder / file).write_bytes(content)
    texts = (row[columns.text] or "") if columns.text else ""
    captions = [text.strip() for text in (texts if isinstance(texts, list) else [texts]) if text and text.strip()]
    name = (row[columns.name] or "").strip() if columns.name else ""
    if not name and not captions:
        name = spoken(Path(path).stem) or f"row {number}"
    return json.dumps({"file_name": file, "name": name, "text": captions})
