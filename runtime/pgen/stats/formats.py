"""Formats of rows: a table to read, CSV, JSON, JSON Lines and Parquet, written as the rows are generated."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from pgen.stats.rows import Rows, joined
from pokegan.extras import needs_extra

GROUP = 2**16
"""Rows in a row group of a Parquet file."""


def as_table(parts: Iterable[Rows]) -> Iterator[str]:
    """Align rows in columns, below a header."""
    widths: list[int] = []
    for rows in parts:
        if not widths:
            names = _columns(rows)
            widths = [max(len(str(rows.seeds[-1])) + 2, 6), *(max(len(name), 3) for name in names[1:])]
            yield _aligned([*names, "types", "rarity"], widths)
        for row in rows:
            numbers = map(str, (row.seed, *row.stats.values(), row.total))
            yield _aligned([*numbers, "/".join(row.types), row.rarity], widths)


def _columns(rows: Rows) -> list[str]:
    return ["seed", *rows.settings["stat_names"], "total"]


def _aligned(cells: list[str], widths: list[int]) -> str:
    *numbers, types, rarity = cells
    return "  ".join([*map(str.rjust, numbers, widths), types.ljust(17), rarity]) + "\n"


def as_csv(parts: Iterable[Rows]) -> Iterator[str]:
    """Write rows as CSV, with the columns that ``pgtrain stats`` reads."""
    for number, rows in enumerate(parts):
        if number == 0:
            yield ",".join([*_columns(rows), "type1", "type2", "rarity"]) + "\n"
        for row in rows:
            numbers = ",".join(map(str, (row.seed, *row.stats.values(), row.total)))
            yield f"{numbers},{','.join((*row.types, '')[:2])},{row.rarity}\n"


def as_json(parts: Iterable[Rows]) -> Iterator[str]:
    """Write rows as one JSON array with one object per line."""
    before = "[\n"
    for rows in parts:
        for row in rows:
            yield before + json.dumps(row.described())
            before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


def as_jsonl(parts: Iterable[Rows]) -> Iterator[str]:
    """Write rows as JSON Lines: an object a line, and nothing around them."""
    for rows in parts:
        for row in rows:
            yield json.dumps(row.described()) + "\n"


def write_parquet(parts: Iterable[Rows], out: BinaryIO) -> None:
    """Write rows as Parquet: small integers, dictionaries of strings, types as a list.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    with needs_extra("parquet"):
        import pyarrow as arrow
        from pyarrow import parquet

    writer = None
    for rows in _row_groups(parts):
        batch = arrow.record_batch(_arrays(rows, arrow))
        writer = writer or parquet.ParquetWriter(out, batch.schema)
        writer.write_batch(batch)
    if writer is not None:
        writer.close()


def _row_groups(parts: Iterable[Rows]) -> Iterator[Rows]:
    group: list[Rows] = []
    for rows in parts:
        group.append(rows)
        if sum(map(len, group)) >= GROUP:
            yield joined(group)
            group = []
    if group:
        yield joined(group)


def _arrays(rows: Rows, arrow: Any) -> dict[str, Any]:
    settings = rows.settings
    numbers = {"seed": arrow.array(rows.seeds)}
    numbers |= {name: arrow.array(rows.stats[:, index]) for index, name in enumerate(settings["stat_names"])}
    types = arrow.array([row.types for row in rows], arrow.list_(arrow.string()))
    rarity = arrow.DictionaryArray.from_arrays(arrow.array(rows.rarities), settings["rarity_names"])
    total = arrow.array(rows.totals.astype("uint16"))
    return numbers | {"total": total, "types": types, "rarity": rarity}


TEXTS: Mapping[str, Callable[[Iterable[Rows]], Iterator[str]]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
    "jsonl": as_jsonl,
}

FORMATS = (*TEXTS, "parquet")
"""Formats of rows."""

EXTENSIONS = {"txt": "table", "csv": "csv", "json": "json", "jsonl": "jsonl", "parquet": "parquet"}
"""Formats by file extension."""


def write_rows(parts: Iterable[Rows], format: str, out: BinaryIO) -> None:
    """Write rows to an open file as they are generated; `format` is one of FORMATS.

    Raises:
        MissingExtra: `format` is parquet, and pyarrow is not installed.
    """
    if format == "parquet":
        write_parquet(parts, out)
    else:
        out.writelines(line.encode() for line in TEXTS[format](parts))
