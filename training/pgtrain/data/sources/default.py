"""The default data set: artwork and descriptions of Purukitto/pokemon-data.json, facts and stats of PokeAPI.

It is fetched once into the user's cache and written there as a folder with metadata.jsonl. It is not part of this
project: the artwork belongs to Nintendo, Creatures Inc. and GAME FREAK inc. The tests, which run offline, fetch it from
a local server with the same paths.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgtrain.data.sources import pokeapi, pokedex
from pgtrain.data.sources.download import Store
from pgtrain.data.sources.files import cache_folder
from pgtrain.data.sources.metadata import METADATA
from pgtrain.errors import DataInvalid, DataNotFound
from pokegan.errors import write_remedy
from pokegan.files import atomic_write
from pokegan.progress import progress

THREADS = 8


@dataclass(frozen=True)
class Origin:
    """Addresses of the two repositories' files, without a slash at the end."""

    pokedex: str = "https://raw.githubusercontent.com/Purukitto/pokemon-data.json/master"
    tables: str = "https://raw.githubusercontent.com/PokeAPI/pokeapi/master/data/v2/csv"


def fetch(folder: Path | None = None, origin: Origin | None = None) -> Path:
    """Return the folder of the default data set, complete and verified; download what is missing.

    An interrupted download continues with the missing files. A complete data set needs no network.

    Raises:
        DataNotFound: a file is missing and cannot be downloaded.
        DataInvalid: a file differs from its checksum of the first download, has another format than expected, or
            cannot be written.
    """
    folder, origin = folder or cache_folder("data"), origin or Origin()
    try:
        store = Store(folder)
        tables = {name: store.get(f"{origin.tables}/{name}", f"csv/{name}") for name in pokeapi.TABLES}
        source = store.get(f"{origin.pokedex}/{pokedex.POKEDEX}", pokedex.POKEDEX)
        entries = {entry["id"]: entry for entry in pokedex.parse(source.read_bytes(), source)}
        images = _images(store, origin, list(entries))
        _write(folder / METADATA, _merged(pokeapi.species(tables), entries, images))
    except DataNotFound as error:
        raise DataNotFound(
            f"the default data set is not complete: {error.message}; go online and try again, or use a folder of data"
        ) from error
    except OSError as error:
        raise DataInvalid(f"{folder}: {error.strerror}; {write_remedy(error)}") from error
    return folder


def _images(store: Store, origin: Origin, numbers: list[int]) -> dict[int, str]:
    def get(number: int) -> tuple[int, Path | None]:
        name = f"{number:03d}.png"
        return number, store.get_optional(f"{origin.pokedex}/{pokedex.PLACES[0]}/{name}", f"images/{name}")

    images = {}
    pool = ThreadPoolExecutor(THREADS)
    try:
        with progress(len(numbers), unit="images of the default data set") as advance:
            for number, path in pool.map(get, numbers):
                if path:
                    images[number] = f"images/{path.name}"
                advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return images


def _merged(
    facts: dict[int, dict[str, Any]], entries: dict[int, dict[str, Any]], images: dict[int, str]
) -> list[dict[str, Any]]:
    lines = []
    for number, fact in sorted(facts.items()):
        image = {"file_name": images[number]} if number in images else {}
        lines.append(image | fact | {"description": entries.get(number, {}).get("description") or None})
    return lines


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    if not (path.is_file() and path.read_bytes() == content):
        atomic_write(path, content)
