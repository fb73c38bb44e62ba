"""Dex jobs: entries written as cards and one ``dex.json``."""

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from pgen.dex.card import draw_card, draw_family
from pgen.dex.entry import Entry
from pgen.dex.page import render_page
from pgen.errors import DexInvalid
from pgen.images.encoders import encode
from pgen.images.naming import check_folder, check_path, write
from pokegan import __version__
from pokegan.names import plain

DEX = "dex.json"
UPDATE_EVERY = 64
"""Cards after which ``dex.json`` is updated: at most so many are missing from it after a power failure."""


@dataclass(frozen=True)
class FamilySheet:
    """A written sheet of an evolution line: its cards side by side."""

    file: Path
    names: tuple[str, ...]
    milliseconds: float

    def described(self) -> dict[str, Any]:
        """Name the stages, ready for JSON."""
        return {"family": [*self.names]}


@dataclass(frozen=True)
class Card:
    """A written card: `file` is the PNG; the HTML page beside it has the same name."""

    file: Path
    entry: Entry
    milliseconds: float
    model: str = ""

    @property
    def page(self) -> Path:
        """The HTML page."""
        return self.file.with_suffix(".html")

    def described(self) -> dict[str, Any]:
        """Describe the entry, ready for JSON."""
        return {"page": str(self.page), "model": self.model} | self.entry.described()


def write_dex(entries: Iterable[Entry], folder: str | Path) -> Generator[Card | FamilySheet, None, None]:
    """Write a PNG and an HTML page per entry into `folder`, and at the end ``dex.json``, which lists them.

    After the last stage of an evolution line, a sheet of the line is written. Entries of an existing ``dex.json`` stay
    in it, unless their cards are overwritten. After an interruption, finished cards stay and are listed.

    Raises:
        OutputInvalid: `folder` is not writable.
        DexInvalid: an existing ``dex.json`` cannot be read; nothing is written.
        PokeganError: an entry cannot be generated.
    """
    folder = Path(folder)
    check_path(check_folder(folder) / DEX)
    _read(folder / DEX)
    unlisted: list[dict[str, Any]] = []
    line: list[Entry] = []
    cards: list[Image.Image] = []
    try:
        began = perf_counter()
        for entry in entries:
            card = draw_card(entry)
            written = _write(entry, card, folder, began)
            unlisted.append(entry.described() | {"card": written.file.name, "page": written.page.name})
            yield written
            began = perf_counter()
            if len(unlisted) == UPDATE_EVERY:
                _update(folder / DEX, unlisted)
            if entry.family:
                line.append(entry)
                cards.append(card)
            if line and len(line) == len(entry.family):
                yield _write_sheet(line, cards, folder)
                line, cards, began = [], [], perf_counter()
    finally:
        _update(folder / DEX, unlisted)


def names_of_others(folder: str | Path, seeds: range, stages: int = 0) -> set[str]:
    """List the names in the ``dex.json`` of `folder`, except those of entries that would be generated again.

    Entries of lines of `stages` with one of `seeds` would; 0 stands for single entries.

    Raises:
        DexInvalid: it cannot be read.
    """
    return {
        str(entry.get("name"))
        for entry in _read(Path(folder) / DEX)
        if entry.get("seed") not in seeds or len(entry.get("family") or ()) != stages
    }


def _update(path: Path, unlisted: list[dict[str, Any]]) -> None:
    """Add the entries `unlisted` to the ``dex.json`` at `path`, and clear them; the last entry of a card counts."""
    if unlisted:
        entries = {entry["card"]: entry for entry in [*_read(path), *unlisted]}
        content = {"version": __version__, "pokemon": [*entries.values()]}
        write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
        unlisted.clear()


def _write(entry: Entry, card: Image.Image, folder: Path, began: float) -> Card:
    file = folder / f"{plain(entry.words.name)}_{entry.row.seed}.png"
    write(file, card_file(entry, card))
    write(file.with_suffix(".html"), render_page(entry).encode())
    return Card(file, entry, 1e3 * (perf_counter() - began))


def card_file(entry: Entry, card: Image.Image) -> bytes:
    """Encode the card of `entry` as a PNG, whose metadata describe the entry."""
    description = json.dumps(entry.described(), ensure_ascii=False)
    return encode(card, "png", _fields(description, entry.backend))


def _write_sheet(line: Sequence[Entry], cards: Sequence[Image.Image], folder: Path) -> FamilySheet:
    began = perf_counter()
    last = line[-1]
    file = folder / f"family_{plain(last.words.name)}_{last.row.seed}.png"
    write(file, sheet_file(line, cards))
    return FamilySheet(file, last.family, 1e3 * (perf_counter() - began))


def sheet_file(line: Sequence[Entry], cards: Sequence[Image.Image]) -> bytes:
    """Draw the sheet of an evolution line from its cards, as a PNG whose metadata describe the entries."""
    description = json.dumps([entry.described() for entry in line], ensure_ascii=False)
    return encode(draw_family(cards), "png", _fields(description, line[0].backend))


def _fields(description: str, backend: str) -> dict[str, str]:
    return {"dex": description, "backend": backend, "Software": f"pokegan {__version__}"}


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the entries of a ``dex.json``; an empty list if it does not exist."""
    if not path.exists():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["pokemon"]
        if all(isinstance(entry["card"], str) for entry in entries):
            return entries
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DexInvalid(f"{path}: is not a dex.json of pgen; move it, or choose another folder")
