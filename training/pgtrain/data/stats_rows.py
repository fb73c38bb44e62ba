"""Pokémon as rows of stats, types and rarity, read from metadata.jsonl, CSV or parquet; without PyTorch."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pgtrain.data.records import whole_text
from pgtrain.data.sources.files import scan
from pgtrain.data.sources.metadata import METADATA
from pgtrain.data.sources.row_files import read_rows
from pgtrain.errors import DataInvalid, DataNotFound
from pokegan.errors import one_line
from pokegan.extras import needs_extra

TABLES = (".csv", ".parquet")

STATS = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")
TYPES = (
    *("normal", "fire", "water", "grass", "electric", "ice", "fighting", "poison", "ground"),
    *("flying", "psychic", "bug", "rock", "ghost", "dragon", "dark", "steel", "fairy"),
)
RARITIES = ("ordinary", "legendary", "mythical", "baby")
LOWEST, HIGHEST = 1, 255

PAIRS = [(first, second) for first in range(len(TYPES)) for second in range(len(TYPES) + 1) if first != second]
"""The 324 ordered pairs of different types, as indices of TYPES; a second of 18 stands for none."""

ALIASES = {
    "sp_attack": "special_attack",
    "sp_atk": "special_attack",
    "spatk": "special_attack",
    "sp_defense": "special_defense",
    "sp_def": "special_defense",
    "spdef": "special_defense",
    "type_1": "type1",
    "type_2": "type2",
    "primary_type": "type1",
    "secondary_type": "type2",
    "legendary": "is_legendary",
    "mythical": "is_mythical",
    "baby": "is_baby",
    "status": "rarity",
    "base_total": "total",
    "total_points": "total",
    "bst": "total",
}
"""Names of columns in Kaggle's tables, in lower case with underscores, that differ from those used here."""

USED = ("name", *STATS, "types", "type1", "type2", "rarity", *(f"is_{name}" for name in RARITIES[1:]), "total")
"""The columns of a table that are read, by the names used here."""

EMPTY = frozenset(("", "none", "nan", "n/a", "na", "-", "null"))
"""Cells, in lower case, that count as empty."""

LABELS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True, "no": False, "yes": True}
STATUSES = {"normal": "ordinary", "sub legendary": "legendary"}
"""Rarities in Kaggle's tables, by the names used here."""


@dataclass(frozen=True)
class Row:
    """One Pokémon: six `stats` (as in STATS) in 1..255, one or two different `types`, a rarity of RARITIES.

    Raises:
        ValueError: a value is out of range; it is named.
    """

    stats: tuple[int, ...]
    types: tuple[str, ...]
    rarity: str = "ordinary"
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.stats) != len(STATS):
            raise ValueError(f"{len(self.stats)} stats, expected {len(STATS)}")
        for name, value in zip(STATS, self.stats, strict=True):
            if not LOWEST <= value <= HIGHEST:
                raise ValueError(f"{name} is {value}, expected {LOWEST} to {HIGHEST}")
        for kind in self.types:
            if kind not in TYPES:
                raise ValueError(f"no such type: {kind!r}; the types are {', '.join(TYPES)}")
        if not 1 <= len(set(self.types)) == len(self.types) <= 2:
            raise ValueError(f"types are {', '.join(self.types) or 'missing'}, expected one, or two different ones")
        if self.rarity not in RARITIES:
            raise ValueError(f"no such rarity: {self.rarity!r}; the rarities are {', '.join(RARITIES)}")

    @property
    def total(self) -> int:
        """The base stat total."""
        return sum(self.stats)


class TableFile(NamedTuple):
    """The rows of a `file`, its SHA-256 (hex), and which of its columns were `used` and `unused`."""

    file: Path
    digest: str
    rows: list[Row]
    used: dict[str, str]
    unused: tuple[str, ...]


def read_table(path: Path) -> TableFile:
    """Read a folder with metadata.jsonl or one table, a CSV with the columns of the Kaggle tables, or a parquet file.

    Raises:
        DataNotFound: there is no such file.
        DataInvalid: a line cannot be used; it is named.
    """
    file = _table_file(path)
    content = file.read_bytes()
    columns, lines = read_rows(file, content)
    is_metadata = file.suffix.lower() not in TABLES
    used = {} if is_metadata else _choose_columns(columns, file)
    rows = []
    for cells, where in lines:
        try:
            rows.append(from_record(cells) if is_metadata else _table_row(cells, used))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataInvalid(f"{where}: {one_line(error)}; fix or remove the line") from error
    if not rows:
        raise DataInvalid(f"{file}: holds no row; give a table with a line for each Pokémon")
    titles = [] if is_metadata else columns
    unused = tuple(title or "(no title)" for title in titles if title not in used.values())
    return TableFile(file, hashlib.sha256(content).hexdigest(), rows, used, unused)


def is_table(data: str) -> bool:
    """Tell whether `data` holds stats and no pictures: a CSV, a parquet file with a column hp, or a folder of one."""
    path = Path(data)
    if data.strip() and path.is_dir() and not scan(path).images:
        with suppress(DataInvalid, DataNotFound):
            path = _table_file(path)
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return path.suffix.lower() == ".csv" and path.is_file()
    with needs_extra("data"):
        import pyarrow
        from pyarrow.parquet import read_schema
    try:
        return "hp" in map(_column, read_schema(path).names)
    except (pyarrow.ArrowException, OSError):
        return False


def describe_table(path: Path) -> dict[str, Any]:
    """Summarize a table for printing, with the columns that are used and unused."""
    table = read_table(path)
    counts = Counter(row.rarity for row in table.rows)
    return {
        "table": str(table.file),
        "rows": len(table.rows),
        "rarities": dict(counts.most_common()),
        "columns": table.used,
        "unused columns": table.unused,
    }


def _table_file(path: Path) -> Path:
    """Return the file with the rows of `path`: itself, or in a folder metadata.jsonl or else the only table."""
    file = path / METADATA if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        tables = sorted(table for table in path.rglob("*") if table.suffix.lower() in TABLES and table.is_file())
        if len(tables) > 1:
            names = ", ".join(str(table.relative_to(path)) for table in tables[:5])
            raise DataInvalid(f"{path}: holds {len(tables)} tables; give one of {names}")
        file = tables[0] if tables else file
    if not file.is_file():
        missing = "holds no table of stats" if path.is_dir() else "not found"
        raise DataNotFound(f"{path}: {missing}; give a folder with {METADATA}, or a .csv or .parquet file")
    if file.suffix.lower() not in (*TABLES, ".jsonl"):
        raise DataInvalid(f"{path}: not a table; give a folder with {METADATA}, or a .csv or .parquet file")
    return file


def from_record(record: Mapping[str, Any]) -> Row:
    """Turn an object of metadata.jsonl into a row.

    Raises:
        ValueError: a field is missing or out of range.
    """
    stats, types = record.get("stats") or {}, record.get("types") or []
    rarities = [name for name in RARITIES[1:] if record.get(f"is_{name}")]
    return _row(stats, types, rarities, whole_text(str(record.get("name") or "")))


def _choose_columns(titles: Sequence[str], file: Path) -> dict[str, str]:
    """Map the columns in USED to their titles, the first title where several fit.

    Raises:
        DataInvalid: a stat or the types are missing.
    """
    known = {_column(title): title for title in reversed(titles)}
    used = {name: known[name] for name in USED if name in known}
    missing = [name for name in STATS if name not in used] + ["type1"] * ("types" not in used and "type1" not in used)
    if missing:
        raise DataInvalid(f"{file}, line 1: no column {', '.join(missing)}; rename or add it")
    return used


def _column(title: str) -> str:
    """Normalize a title: `SP. Attack`, `Sp_Attack` and `special attack` are the same column."""
    name = "_".join(title.lower().replace(".", " ").replace("_", " ").split())
    return ALIASES.get(name, name)


def _table_row(values: Mapping[str, Any], used: Mapping[str, str]) -> Row:
    cells = {name: values[title] for name, title in used.items()}
    listed = cells.get("types")
    kinds = listed if isinstance(listed, list) else [cells.get("type1"), cells.get("type2")]
    types = [kind for kind in map(_cell, kinds) if kind]
    types = types[:1] if types[0:1] == types[1:2] else types
    row = _row(cells, types, _rarities(cells), str(cells.get("name") or "").strip())
    if _cell(cells.get("total")) and _integer(cells, "total") != row.total:
        raise ValueError(f"the total is {cells['total']}, but the six stats sum to {row.total}")
    return row


def _cell(value: Any) -> str:
    """Put a cell in lower case; "" if it is EMPTY."""
    text = "" if value is None else str(value).strip().lower()
    return "" if text in EMPTY else text


def _rarities(cells: Mapping[str, Any]) -> list[str]:
    """List the rarities other than ordinary that the column `rarity` or a label names."""
    rarity = _cell(cells.get("rarity"))
    rarity = STATUSES.get(rarity, rarity) or RARITIES[0]
    if rarity not in RARITIES:
        raise ValueError(f"no such rarity: {rarity!r}; the rarities are {', '.join(RARITIES)}")
    labels = {name: _cell(cells.get(f"is_{name}")) for name in RARITIES[1:]}
    for name, label in labels.items():
        if label and label not in LABELS:
            raise ValueError(f"is_{name} is {label!r}, expected 0 or 1")
    return [name for name, label in labels.items() if name == rarity or LABELS.get(label)]


def _row(stats: Mapping[str, Any], types: list[str], rarities: list[str], name: str) -> Row:
    if len(rarities) > 1:
        raise ValueError(f"is {' and '.join(rarities)} at once, expected one of them")
    return Row(tuple(_integer(stats, key) for key in STATS), tuple(types), (*rarities, "ordinary")[0], name)


def _integer(stats: Mapping[str, Any], key: str) -> int:
    value = stats.get(key)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {value!r}, expected an integer") from None
    if isinstance(value, bool) or not number.is_integer():
        raise ValueError(f"{key} is {value!r}, expected an integer")
    return int(number)
