"""Cards, sheets and sprites from the metadata of their files."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pgen
from pgen.api import Generator
from pgen.dex.card import draw_card
from pgen.dex.job import card_file, sheet_file
from pgen.dex.reproduce import redraw_cards
from pgen.errors import OtherBundle, PictureInvalid
from pgen.images.sprite import FORMATS, redraw_sprite, sprite_files
from pgen.jobs.reproduction import redraw_file


@pytest.fixture(scope="module")
def described(generator: Generator) -> dict[str, Any]:
    """What the metadata of a card say."""
    return generator.dex(1, seed=3)[0].described()


def test_cards_and_sheets_are_reproduced_to_the_byte(generator: Generator, tmp_path: Path) -> None:
    line = generator.dex(1, seed=5, family=2, shiny=True)
    cards = [draw_card(entry) for entry in line]
    for content in (card_file(line[0], cards[0]), sheet_file(line, cards)):
        file, again = tmp_path / "card.png", tmp_path / "again.png"
        file.write_bytes(content)
        assert redraw_file(generator, file, again).note == ""
        assert again.read_bytes() == content
        assert pgen.reproduce(file, device="cpu").size == Image.open(BytesIO(content)).size


@pytest.mark.parametrize("format", FORMATS)
def test_sprites_are_reproduced_to_the_byte(generator: Generator, format: str, tmp_path: Path) -> None:
    for model in (None, "stackgan"):
        (sprite,) = generator.sprites("Mew", seed=2, model=model, colors="Muk")
        for path, content in sprite_files(sprite, format, generator.bundle).items():
            if path.endswith(".png"):
                (tmp_path / "sprite.png").write_bytes(content)
                assert redraw_sprite(generator, tmp_path / "sprite.png") == content, path


def test_cards_of_other_bundles_are_rejected(generator: Generator, described: dict[str, Any]) -> None:
    with pytest.raises(OtherBundle, match="open the bundle that generated it"):
        redraw_cards(generator, Path("card.png"), json.dumps(described | {"bundle": "0" * 64}))


@pytest.mark.parametrize(
    "changes",
    [
        {"types": []},
        {"types": ["ice", "ice", "ice"]},
        {"types": ["bird"]},
        {"rarity": "common"},
        {"stats": {}},
        {"stats": {"hp": 0}},
        {"stats": {"hp": True}},
        {"stats": [1]},
        {"name": ""},
        {"description": "a" * 1001},
        {"prompt": "\n"},
        {"fused": ["Mew"] * 9},
        {"seed": -1},
        {"seed": "7"},
        {"family": [3]},
    ],
)
def test_invalid_metadata_of_a_card_are_rejected(
    generator: Generator, described: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(PictureInvalid, match=r"^card.png: has invalid metadata"):
        redraw_cards(generator, Path("card.png"), json.dumps(described | changes))


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_metadata_of_a_card_are_rejected_in_one_line(text: str) -> None:
    with pytest.raises(PictureInvalid) as raised:
        redraw_cards(None, Path("card.png"), text)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_sheet_of_too_many_stages_is_rejected(generator: Generator, described: dict[str, Any]) -> None:
    with pytest.raises(PictureInvalid, match="not the stages of a line"):
        redraw_cards(generator, Path("sheet.png"), json.dumps([described] * 4))
