"""A hub data set with an image and a text column, as one parquet file or a folder of them.

Hugging Face ``datasets`` stores an image as a struct of its file's ``bytes`` and ``path``. The files are
extracted once into the user's cache, as a folder with metadata.jsonl, so that all else deals in files.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pgtrain.data.records import Collection
from pgtrain.data.sources import metadata
from pgtrain.data.sources.cache import cache_folder
from pgtrain.data.sources.files import SUFFIXES, spoken
from pgtrain.errors import DataInvalid
from pokegan.extras import needs_extra

NAMES = ("name", "pokemon", "pokemon_name")
TEXTS = ("text", "caption", "en_text", "prompt", "description")
LAYOUT = b"1"
"""Raised when what is extracted changes, so that older folders are not mistaken for it."""


class Columns(NamedTuple):
    """Which column is what; None where there is none."""

    image: str
    name: str | None
    text: str | None


def fits(folder: Path) -> bool:
    """Tell whether `folder` holds parquet files."""
    return any(folder.glob("*.parquet"))


def read(place: Path) -> Collection:
    """Read the parquet file, or all those of the folder, at `place`.

    Raises:
        DataInvalid: a file is damaged, has no image column, or a row has no image file in it.
        MissingExtra: pyarrow is not installed.
    """
    return metadata.read(extract(sorted(place.glob("*.parquet")) if place.is_dir() else [place]))


def extract(files: Sequence[Path]) -> Path:
    """Extract the rows of parquet files into the cache, once for the same content, and return the folder."""
    total = hashlib.sha256(LAYOUT)
    for file in files:
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    folder = cache_folder("parquet", total.hexdigest()[:32])
    if not metadata.fits(folder):
        _write(files, folder)
    return folder


def _write(files: Sequence[Path], folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as beside:
            made = Path(beside) / "made"
            (made / "images").mkdir(parents=True)
            rows = (row for file in files for row in _rows(file))
            lines = [_saved(made, number, *row) for number, row in enumerate(rows)]
            (made / metadata.METADATA).write_text("\n".join(lines), "utf-8")
            made.replace(folder)
    except OSError as error:
        if not metadata.fits(folder):  # or else another process was faster
            raise DataInvalid(
                f"{folder}: cannot be written ({error.strerror}); free space or change its permissions"
            ) from error


def _rows(file: Path) -> Iterator[tuple[dict[str, Any], Columns, str]]:
    with needs_extra("data"):
        import pyarrow
        from pyarrow.parquet import ParquetFile
    try:
        with ParquetFile(file) as opened:
            columns = find_columns(opened.schema_arrow, file)
            named = [name for name in columns if name]
            number = 0
            for batch in opened.iter_batches(64, columns=named):
                for row in batch.to_pylist():
                    number += 1
                    yield row, columns, f"{file}, row {number}"
    except (pyarrow.ArrowException, OSError) as error:
        raise DataInvalid(f"{file}: cannot be read ({str(error).splitlines()[0]}); download it again") from error


def find_columns(schema: Any, file: Path) -> Columns:
    """Choose the columns of an arrow `schema`: by type, then by the names that are usual.

    Raises:
        DataInvalid: no column stores images.
    """
    import pyarrow

    texts = [field.name for field in schema if pyarrow.types.is_string(field.type) or _large(pyarrow, field.type)]
    images = [field.name for field in schema if _stores_files(pyarrow, field.type)]
    if not images:
        raise DataInvalid(f"{file}: no column stores images (a struct of bytes and path); it has {schema.names}")
    image = "image" if "image" in images else images[0]
    name = next((name for name in NAMES if name in texts), None)
    others = [text for text in texts if text != name]
    return Columns(image, name, next((text for text in TEXTS if text in others), others[0] if others else None))


def _large(pyarrow: Any, kind: Any) -> bool:
    return bool(pyarrow.types.is_large_string(kind))


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
    text = (row[columns.text] or "").strip() if columns.text else ""
    name = (row[columns.name] or "").strip() if columns.name else ""
    # Without a name the caption is what a picture answers to, and need not be said twice.
    named = {"name": name, "text": text} if name else {"name": text or spoken(Path(path).stem) or f"row {number}"}
    return json.dumps({"file_name": file} | named)
