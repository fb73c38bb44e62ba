"""Data sets of sprites: views, shinies, and pixels that are never mixed."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgtrain.data.captions import captions
from pgtrain.data.dataset import decoded
from pgtrain.data.image_io import SPRITE, fit
from pgtrain.data.inspect import inspect_data
from pgtrain.data.options import DataOptions
from pgtrain.data.records import Record
from pgtrain.data.sources import read
from pgtrain.errors import DataInvalid

VIEWS = ("front", "shiny", "back", "back-shiny")


def save_sprite(path: Path, color: str, side: int = 96, body: tuple[int, int] = (30, 40)) -> None:
    picture = Image.new("RGBA", (side, side))
    picture.paste(color, (5, side - body[1] - 2, 5 + body[0], side - 2))
    path.parent.mkdir(exist_ok=True, parents=True)
    picture.save(path)


@pytest.fixture
def sprites(tmp_path: Path) -> Path:
    """Two Pokémon in four views."""
    lines = []
    for view, color in zip(VIEWS, ("red", "gold", "maroon", "olive"), strict=True):
        for number, name in enumerate(("Abra", "Mew"), 1):
            save_sprite(tmp_path / view / f"{number}.png", color)
            facts = {"id": number, "name": name, "types": ["psychic"], "color": "red", "shape": "upright"}
            lines.append(json.dumps({"file_name": f"{view}/{number}.png", "view": view} | facts))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def test_views_named_shiny_are_of_shinies(sprites: Path) -> None:
    records = read(sprites).records
    assert [(record.view, record.shiny) for record in records[::2]] == [
        ("front", False),
        ("front", True),
        ("back", False),
        ("back", True),
    ]
    assert [record.color for record in records[::2]] == ["red", "", "red", ""], "a shiny has not the usual color"


@pytest.mark.parametrize(("written", "shiny"), [(True, True), (False, False), ("true", True), ("", False)])
def test_shiny_is_a_field_of_its_own_too(tmp_path: Path, written: object, shiny: bool) -> None:
    save_sprite(tmp_path / "a.png", "red")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "view": "Back", "shiny": written}))
    (record,) = read(tmp_path).records
    assert (record.view, record.shiny) == ("back", shiny)


def test_shiny_that_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    save_sprite(tmp_path / "a.png", "red")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "shiny": "gold"}))
    with pytest.raises(DataInvalid, match="line 1: shiny must be true or false, found 'gold'"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("options", "folders"),
    [
        ({}, ["front"]),
        ({"view": "back"}, ["back"]),
        ({"shiny": True}, ["front", "shiny"]),
        ({"view": "back", "shiny": True}, ["back", "back-shiny"]),
        ({"view": "all"}, ["front", "back"]),
        ({"view": "all", "shiny": True}, [*VIEWS]),
    ],
)
def test_options_choose_views_and_shinies(sprites: Path, options: dict[str, object], folders: list[str]) -> None:
    collection, chosen = read(sprites).select(DataOptions(**options))  # type: ignore[arg-type]
    assert list(dict.fromkeys(path.parent.name for path in collection.images)) == folders
    assert {record.name for record in collection.records} == {"Abra", "Mew"}
    assert (chosen.view, chosen.resample) == (options.get("view", "front"), "nearest")


def test_data_without_views_keep_every_picture_and_lanczos(small_data: Path) -> None:
    before = read(small_data)
    collection, chosen = before.select(DataOptions())
    assert collection.images == before.images
    assert (chosen.view, chosen.shiny, chosen.resample) == (None, False, "lanczos")
    assert collection.digest(chosen.background, chosen.resample) == before.digest()


def test_large_pictures_with_views_are_no_sprites(tmp_path: Path) -> None:
    save_sprite(tmp_path / "a.png", "red", SPRITE + 1)
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "view": "side"}))
    _, chosen = read(tmp_path).select(DataOptions())
    assert (chosen.view, chosen.resample) == ("all", "lanczos")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "side"}, "no picture has the view 'side'; choose from back, front, all"),
        ({"view": "front"}, "no picture has the view 'front'; none has a view; leave the view out"),
        ({"shiny": True}, "no picture shows a shiny; leave shinies out"),
    ],
)
def test_option_that_the_data_lack_is_refused(
    sprites: Path, small_data: Path, options: dict[str, object], message: str
) -> None:
    place = sprites if options.get("view") == "side" else small_data
    with pytest.raises(DataInvalid, match=message):
        read(place).select(DataOptions(**options))  # type: ignore[arg-type]


def test_digest_depends_on_view_and_resampling(sprites: Path) -> None:
    front, chosen = read(sprites).select(DataOptions())
    back, _ = read(sprites).select(DataOptions(view="back"))
    digests = {part.digest("keep", resample) for part in (front, back) for resample in ("nearest", "lanczos")}
    assert len(digests) == 4
    assert decoded(front, 64, None, chosen).identity == {
        "background": "keep",
        "digest": front.digest("keep", "nearest"),
        "view": "front",
        "resample": "nearest",
    }


def test_captions_say_shiny_and_view() -> None:
    texts = [caption.text for caption in captions(Record("Mew", shiny=True, view="back", types=("psychic",)))]
    assert texts[:2] == ["shiny Mew, back view", "shiny Mew, back view, a psychic type Pokémon"]
    assert captions(Record("Mew", view="front"))[0].text == "Mew"


def test_inspection_counts_views(sprites: Path) -> None:
    counts = {"front": 2, "shiny front": 2, "back": 2, "shiny back": 2}
    assert inspect_data(read(sprites)).views == counts


def test_inspection_of_data_without_views_counts_none(small_data: Path) -> None:
    assert inspect_data(read(small_data)).views == {}


@st.composite
def drawings(draw: st.DrawFn) -> Image.Image:
    """Sprites of a few colors, opaque or transparent."""
    width, height = draw(st.integers(1, 100)), draw(st.integers(1, 100))
    indices = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 4, (height, width))
    palette = np.array([[0, 0, 0, 0], [255, 0, 0, 255], [9, 80, 200, 255], [0, 0, 0, 255]], np.uint8)
    return Image.fromarray(palette[indices])


@given(drawings(), st.sampled_from((32, 64, 96, 128)))
def test_whole_pixels_are_never_mixed(picture: Image.Image, size: int) -> None:
    fitted = fit(picture, size, whole_pixels=True)
    assert fitted.size == (size, size)
    colors = {color for _, color in picture.getcolors() or ()}
    assert {color for _, color in fitted.getcolors() or ()} <= colors | {(0, 0, 0, 0)}
    scale = size // max(picture.size)
    if scale:
        left, top = ((size - scale * length) // 2 for length in picture.size)
        inner = fitted.crop((left, top, left + scale * picture.width, top + scale * picture.height))
        expected = np.asarray(picture).repeat(scale, 0).repeat(scale, 1)
        assert np.array_equal(np.asarray(inner), expected), "no pixel is lost"


@given(st.integers(0, 32), st.integers(0, 32), st.integers(1, 64), st.integers(1, 64))
def test_body_that_fits_is_centered_without_loss(left: int, top: int, width: int, height: int) -> None:
    body = np.random.default_rng(1).integers(1, 256, (height, width, 4), np.uint8)
    body[..., 3] = 255
    canvas = np.zeros((96, 96, 4), np.uint8)
    canvas[top : top + height, left : left + width] = body
    fitted = np.asarray(fit(Image.fromarray(canvas), 64, whole_pixels=True))
    x, y = (64 - width) // 2, (64 - height) // 2
    assert np.array_equal(fitted[y : y + height, x : x + width], body)
    assert (fitted[..., 3] > 0).sum() == width * height


def test_canvas_of_the_target_size_is_unchanged(sprites: Path) -> None:
    picture = Image.open(sprites / "front" / "1.png")
    assert np.array_equal(np.asarray(fit(picture, 96, whole_pixels=True)), np.asarray(picture))
