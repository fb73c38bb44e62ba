"""Pokémon as rows of numbers and words, read from a metadata.jsonl folder or a CSV; without PyTorch."""

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgtrain.data.sources.metadata import METADATA
from pgtrain.errors import DataInvalid, DataNotFound

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
    "sp_defense": "special_defense",
    "type_1": "type1",
    "type_2": "type2",
}
"""Names in the Kaggle tables, lower case and with underscores, that differ from those used here."""

LABELS = {"0": False, "1": True, "false": False, "true": True, "": False, "no": False, "yes": True}


@dataclass(frozen=True)
class Row:
    """One Pokémon: six `stats` (as in STATS) in 1..255, one or two different `types`, a rarity of RARITIES.

    Raises:
        ValueError: a value is out of range; the message says which and why.
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


def read_rows(path: Path) -> list[Row]:
    """Read every row of a folder with metadata.jsonl, or of a CSV with the columns of the Kaggle tables.

    Raises:
        DataNotFound: neither is there.
        DataInvalid: a line cannot be used; it is named.
    """
    file = source(path)
    rows = _read_csv(file) if file.suffix.lower() == ".csv" else _read_jsonl(file)
    if not rows:
        raise DataInvalid(f"{file}: holds no row; give a table with a line for each Pokémon")
    return rows


def source(path: Path) -> Path:
    """Name the file that holds the rows of `path`: the CSV itself, or a folder's metadata.jsonl."""
    file = path / METADATA if path.is_dir() else path
    if not file.is_file():
        raise DataNotFound(f"{path}: not found; give a folder with {METADATA}, or a .csv file")
    return file


def digest(*paths: Path) -> str:
    """SHA-256 (hex) of the files that hold the rows, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        total.update(source(path).read_bytes())
    return total.hexdigest()


def _read_jsonl(file: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                rows.append(from_record(json.loads(line)))
            except (ValueError, TypeError, AttributeError) as error:
                raise DataInvalid(f"{file}, line {number}: {_reason(error)}; fix or remove the line") from error
    return rows


def from_record(record: Mapping[str, Any]) -> Row:
    """Turn an object of metadata.jsonl into a row.

    Raises:
        ValueError: a field is missing or out of range.
    """
    stats, types = record.get("stats") or {}, record.get("types") or []
    rarities = [name for name in RARITIES[1:] if record.get(f"is_{name}")]
    return _row(stats, types, rarities, str(record.get("name") or ""))


def _read_csv(file: Path) -> list[Row]:
    rows = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened)
            columns = [_column(name) for name in next(reader, [])]
            missing = [name for name in (*STATS, "type1") if name not in columns]
            if missing:
                raise DataInvalid(f"{file}, line 1: no column {', '.join(missing)}; rename or add it")
            for values in reader:
                if any(value.strip() for value in values):
                    rows.append(_csv_row(dict(zip(columns, values, strict=True))))
    except (ValueError, csv.Error) as error:
        if isinstance(error, DataInvalid):
            raise
        raise DataInvalid(f"{file}, line {reader.line_num}: {_reason(error)}; fix or remove the line") from error
    return rows


def _column(title: str) -> str:
    """`SP. Attack`, `Sp_Attack` and `special attack` are one column."""
    name = "_".join(title.lower().replace(".", " ").replace("_", " ").split())
    return ALIASES.get(name, name)


def _csv_row(values: Mapping[str, str]) -> Row:
    cells = {name: value.strip() for name, value in values.items()}
    types = [
        kind.lower() for kind in (cells["type1"], cells.get("type2", "")) if kind.lower() not in ("", "none", "nan")
    ]
    rarities = []
    for name in RARITIES[1:]:
        label = cells.get(f"is_{name}", "").lower()
        if label not in LABELS:
            raise ValueError(f"is_{name} is {label!r}, expected 0 or 1")
        if LABELS[label]:
            rarities.append(name)
    row = _row(cells, types[:1] if types[0:1] == types[1:2] else types, rarities, cells.get("name", ""))
    total = cells.get("bst") or cells.get("base_total")
    if total and int(float(total)) != row.total:
        raise ValueError(f"the total is {total}, but the six stats sum to {row.total}")
    return row


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


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0]
