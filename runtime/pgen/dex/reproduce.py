"""Reproduction of cards and sheets from the metadata of their files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgen.dex.card import draw_card
from pgen.dex.colors import RARITIES, TYPES
from pgen.dex.entry import Entry, Words
from pgen.dex.family import SIZES
from pgen.dex.job import card_file, sheet_file
from pgen.dex.templates import Appearance
from pgen.errors import PictureInvalid
from pgen.images.metadata import check_bundle
from pgen.images.model import PictureModel
from pgen.prompts import check_prompt
from pgen.request import Request
from pgen.stats.rows import Row
from pokegan.errors import PokeganError, one_line

MAX_TEXT = 1000
"""Characters of a text of a card; those that pgen writes are shorter."""

MAX_STAT, MAX_STATS = 255, 12

NO_PIXELS = np.zeros((1, 1, 4), np.uint8)


def redraw_cards(model: PictureModel, path: Path, dex: str) -> bytes:
    """Draw the card, or the sheet, of the file at `path` again, and return the content of that file.

    Args:
        model: draws the pictures.
        path: of the file, for messages.
        dex: what its metadata say of the entry, or of the entries of a line, as JSON.

    Raises:
        PictureInvalid: `dex` is invalid; it comes from strangers.
        BundleInvalid: another bundle generated the file.
    """
    try:
        described = json.loads(dex)
        line = described if isinstance(described, list) else [described]
        if isinstance(described, list) and len(line) not in SIZES:
            raise ValueError("not the stages of a line")
        parsed = [_parse(stage) for stage in line]
    except (AttributeError, KeyError, ValueError, TypeError, RecursionError) as error:
        reason = error.message if isinstance(error, PokeganError) else repr(error)
        raise PictureInvalid(f"{path}: has invalid metadata ({one_line(reason)})") from error
    for entry in parsed:
        check_bundle(path, entry.bundle, model.bundle)
    pictures, backend = model.draw_batch([entry.request for entry in parsed]), model.backend(model.model)
    entries = [replace(entry, pixels=pixels, backend=backend) for entry, pixels in zip(parsed, pictures, strict=True)]
    cards = [draw_card(entry) for entry in entries]
    return sheet_file(entries, cards) if isinstance(described, list) else card_file(entries[0], cards[0])


def _parse(entry: dict[str, Any]) -> Entry:
    """Parse what :meth:`pgen.dex.entry.Entry.described` wrote, all but the picture."""
    words = Words(*(_text(entry[name]) for name in ("name", "genus", "description", "words_by")))
    types, rarity, stats = tuple(entry["types"]), entry["rarity"], entry["stats"]
    if not 1 <= len(types) <= 2 or not {*types} <= TYPES.keys() or rarity not in ("ordinary", *RARITIES):
        raise ValueError("unknown types or rarity")
    if not 1 <= len(stats) <= MAX_STATS or not all(
        _text(name) and type(value) is int and 1 <= value <= MAX_STAT for name, value in stats.items()
    ):
        raise ValueError("invalid stats")
    colors, shiny = entry["colors"], entry["shiny"]
    request = Request(
        check_prompt(_text(entry["prompt"])),
        entry["seed"],
        colors=check_prompt(_text(colors)) if colors else "",
        fused=tuple(check_prompt(_text(parent)) for parent in entry["fused"]),
        shiny=shiny is True,
    )
    appearance = Appearance(_text(entry["color"]), _text(entry["shape"]))
    family = tuple(_text(name) for name in entry["family"])
    row = Row(request.seed, stats, types, rarity)
    return Entry(words, row, appearance, request, NO_PIXELS, _text(entry["bundle"]), family)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise ValueError(f"a text is missing, or has more than {MAX_TEXT} characters")
    return value
