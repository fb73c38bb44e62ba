"""What ``pgen dex`` does, from Python: entries to cards and one ``dex.json``."""

import json
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pgen.dex.card import card
from pgen.dex.entry import Entry
from pgen.dex.names import plain
from pgen.dex.page import page
from pgen.errors import DexInvalid
from pgen.images.encoders import encode
from pgen.images.naming import check_folder, write
from pokegan import __version__

DEX = "dex.json"
LISTED_AT_ONCE = 64
"""Cards after which ``dex.json`` is written again: so many can be missing in it when the machine loses its power."""


@dataclass(frozen=True)
class Card:
    """A card that was written: `file` is the PNG, and an HTML page of its name lies beside it."""

    file: Path
    entry: Entry
    milliseconds: float
    model: str = ""

    @property
    def page(self) -> Path:
        """The HTML page."""
        return self.file.with_suffix(".html")

    def described(self) -> dict[str, Any]:
        """Tell its entry, ready for JSON."""
        return {"page": str(self.page), "model": self.model} | self.entry.described()


def write_dex(entries: Iterable[Entry], folder: Path) -> Generator[Card, None, None]:
    """Write two cards an entry into `folder` as it is made, and at the end ``dex.json``, which lists them.

    What a ``dex.json`` listed before stays in it, unless its card was written again. When the work is broken off,
    finished cards stay and are listed.

    Raises:
        OutputInvalid: `folder` cannot be written.
        DexInvalid: there is a ``dex.json`` that cannot be read; nothing is written.
        PokeganError: as the entries are made.
    """
    _listed(check_folder(folder) / DEX)
    done: list[dict[str, Any]] = []
    try:
        began = perf_counter()
        for entry in entries:
            written = _write(entry, folder, began)
            done.append(entry.described() | {"card": written.file.name, "page": written.page.name})
            yield written
            began = perf_counter()
            if len(done) == LISTED_AT_ONCE:
                _list(folder, done)
    finally:
        _list(folder, done)


def _list(folder: Path, done: list[dict[str, Any]]) -> None:
    """Add what is `done` to the list, and forget it."""
    if done:
        write(folder / DEX, _as_json(_merged(folder / DEX, done)))
        done.clear()


def _write(entry: Entry, folder: Path, began: float) -> Card:
    file = folder / f"{plain(entry.words.name)}_{entry.row.seed}.png"
    write(file, card_file(entry))
    write(file.with_suffix(".html"), page(entry).encode())
    return Card(file, entry, 1e3 * (perf_counter() - began))


def card_file(entry: Entry) -> bytes:
    """Draw the card of `entry` as a PNG, which tells how the entry was made."""
    told = json.dumps(entry.described(), ensure_ascii=False)
    return encode(card(entry), "png", {"dex": told, "Software": f"pokegan {__version__}"})


def _merged(path: Path, done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({entry["card"]: entry for entry in [*_listed(path), *done]}.values())


def _listed(path: Path) -> list[dict[str, Any]]:
    """Read what a ``dex.json`` lists; nothing where there is none."""
    if not path.exists():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["pokemon"]
        if all(isinstance(entry["card"], str) for entry in entries):
            return entries
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DexInvalid(f"{path}: is no dex.json of pgen; move it away, or choose another folder")


def _as_json(entries: list[dict[str, Any]]) -> bytes:
    told = {"version": __version__, "pokemon": entries}
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
