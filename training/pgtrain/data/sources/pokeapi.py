"""The CSV files of PokeAPI/pokeapi (``data/v2/csv``): facts and base stats of every species' default form."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgtrain.errors import DataInvalid
from pokegan.errors import one_line

ENGLISH = "9"
TABLES = (
    *("pokemon.csv", "pokemon_species.csv", "pokemon_species_names.csv", "pokemon_types.csv", "pokemon_stats.csv"),
    *("types.csv", "stats.csv", "pokemon_colors.csv", "pokemon_shapes.csv", "pokemon_habitats.csv"),
)
LOOKUPS = ("types", "stats", "pokemon_colors", "pokemon_shapes", "pokemon_habitats")
"""Tables that name the ids of the others."""

Rows = list[dict[str, str]]


def species(paths: Mapping[str, Path]) -> dict[int, dict[str, Any]]:
    """Join the `TABLES`, given by file name, into one record of metadata per species, by national number.

    Raises:
        DataInvalid: a file lacks a column or refers to a missing row: the source has changed.
    """
    try:
        tables = {name.removesuffix(".csv"): _rows(paths[name]) for name in TABLES}
        return _joined(tables)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        folder = next(iter(paths.values())).parent
        raise DataInvalid(
            f"{folder}: not the tables of PokeAPI as known here ({one_line(error)}); use a folder of data instead"
        ) from error


def _rows(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _joined(tables: dict[str, Rows]) -> dict[int, dict[str, Any]]:
    names = {table: {row["id"]: row["identifier"] for row in tables[table]} for table in LOOKUPS}
    english = {
        row["pokemon_species_id"]: row for row in tables["pokemon_species_names"] if row["local_language_id"] == ENGLISH
    }
    default = {row["species_id"]: row for row in tables["pokemon"] if row["is_default"] == "1"}
    types, stats = defaultdict[str, list[str]](list), defaultdict[str, dict[str, int]](dict)
    for row in sorted(tables["pokemon_types"], key=lambda row: int(row["slot"])):
        types[row["pokemon_id"]].append(names["types"][row["type_id"]])
    for row in tables["pokemon_stats"]:
        name = names["stats"][row["stat_id"]].replace("-", "_")
        stats[row["pokemon_id"]][name] = int(row["base_stat"])
    return {
        int(row["id"]): {
            "id": int(row["id"]),
            "name": english[row["id"]]["name"],
            "genus": english[row["id"]]["genus"],
            "types": types[default[row["id"]]["id"]],
            "stats": stats[default[row["id"]]["id"]],
            "color": names["pokemon_colors"].get(row["color_id"]),
            "shape": names["pokemon_shapes"].get(row["shape_id"]),
            "habitat": names["pokemon_habitats"].get(row["habitat_id"]),
            "generation": int(row["generation_id"]),
            "evolves_from": int(row["evolves_from_species_id"]) if row["evolves_from_species_id"] else None,
            **{flag: row[flag] == "1" for flag in ("is_baby", "is_legendary", "is_mythical")},
            "height_dm": int(default[row["id"]]["height"]),
            "weight_hg": int(default[row["id"]]["weight"]),
        }
        for row in tables["pokemon_species"]
        if row["id"] in english and row["id"] in default  # a new generation arrives in pieces
    }
