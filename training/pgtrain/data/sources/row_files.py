"""Files of rows: JSON lines, CSV and parquet."""

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from pgtrain.errors import DataInvalid
from pokegan.errors import one_line
from pokegan.extras import needs_extra

Row = tuple[dict[str, Any], str]
"""The cells of a row by column, and its place for messages: file and line."""


class RowFile(NamedTuple):
    """The columns of a file of rows, and its rows."""

    columns: list[str]
    rows: list[Row]


def read_rows(path: Path, content: bytes) -> RowFile:
    """Parse the `content` of a .jsonl, .csv or .parquet file, named by the suffix of `path`; blank lines are skipped.

    Raises:
        DataInvalid: the file is damaged, or a line is not valid; the line is named.
        MissingExtra: pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return _read_jsonl(path, content)
    return _read_csv(path, content) if suffix == ".csv" else _read_parquet(path, content)


def _read_jsonl(path: Path, content: bytes) -> RowFile:
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
                raise DataInvalid(f"{where}: not valid JSON ({one_line(error)}); fix or remove the line") from error
            if not isinstance(cells, dict):
                raise DataInvalid(f"{where}: expected a JSON object, found {type(cells).__name__}")
            rows.append((cells, where))
    return RowFile(list(dict.fromkeys(key for cells, _ in rows for key in cells)), rows)


def _read_csv(path: Path, content: bytes) -> RowFile:
    rows = []
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        for cells in reader:
            if any(cell.strip() for cell in cells):
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise DataInvalid(f"{where}: {len(cells)} cells, expected {len(header)}; fix or remove the line")
                rows.append((dict(zip(header, cells, strict=True)), where))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataInvalid(f"{path}: cannot be read ({one_line(error)}); save it as CSV in UTF-8") from error
    return RowFile(header, rows)


def _read_parquet(path: Path, content: bytes) -> RowFile:
    with needs_extra("data"):
        import pyarrow
        from pyarrow.parquet import ParquetFile
    try:
        table = ParquetFile(pyarrow.BufferReader(content)).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataInvalid(f"{path}: cannot be read ({one_line(error)}); write it again") from error
    return RowFile(table.column_names, [(row, f"{path}, row {n}") for n, row in enumerate(table.to_pylist(), 1)])
