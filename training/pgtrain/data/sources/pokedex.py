"""The layout of Purukitto/pokemon-data.json: ``pokedex.json`` beside ``images/pokedex/hires/NNN.png``.

The older layout, with ``images/NNN.png``, is read too. The base stats in the file are not part of a record.
"""

import json
from pathlib import Path
from typing import Any

from pgtrain.data.records import Collection, Layout, Record
from pgtrain.errors import DataInvalid, DataNotFound

POKEDEX = "pokedex.json"
PLACES = ("images/pokedex/hires", "images")


def fits(folder: Path) -> bool:
    """Tell whether `folder` has this layout."""
    return (folder / POKEDEX).is_file()


def read(folder: Path) -> Collection:
    """Read one record an entry; entries without artwork have no image.

    Raises:
        DataNotFound: there is no picture of any entry.
        DataInvalid: pokedex.json is not a list of valid entries; the invalid one is named.
    """
    entries = parse((folder / POKEDEX).read_bytes(), folder / POKEDEX)
    collection = Collection.of((_record(folder, entry) for entry in entries), Layout(POKEDEX))
    if not collection.images:
        raise DataNotFound(f"{folder}: {POKEDEX} is there but no picture in {PLACES[0]}; copy that folder too")
    return collection


def parse(content: bytes, path: Path) -> list[dict[str, Any]]:
    """Parse pokedex.json into entries with an int `id`, an English `name`, lower-case `types`, `genus`, `description`.

    Raises:
        DataInvalid: it is not a JSON list, or an entry lacks its id or English name.
    """
    try:
        entries = json.loads(content)
    except ValueError as error:
        raise DataInvalid(f"{path}: not valid JSON ({error}); download it again") from error
    if not isinstance(entries, list):
        raise DataInvalid(f"{path}: expected a list of entries, found {type(entries).__name__}")
    return [_entry(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def _entry(entry: Any, where: str) -> dict[str, Any]:
    try:
        number, name, types = entry["id"], entry["name"]["english"], entry.get("type") or []
        genus, description = entry.get("species") or "", entry.get("description") or ""
        valid = all(isinstance(text, str) for text in (name, *types, genus, description))
    except (KeyError, TypeError, AttributeError):
        valid = False
    if not valid or not name or not isinstance(number, int) or not 0 < number < 100_000:
        raise DataInvalid(f"{where}: needs a numeric id, name.english, and text in type, species and description")
    lower = tuple(kind.lower() for kind in types)
    return {"id": number, "name": name, "types": lower, "genus": genus, "description": description}


def _record(folder: Path, entry: dict[str, Any]) -> Record:
    file = f"{entry['id']:03d}.png"
    image = next((path for place in PLACES if (path := folder / place / file).is_file()), None)
    return Record(entry["name"], image, entry["types"], genus=entry["genus"], description=entry["description"])
