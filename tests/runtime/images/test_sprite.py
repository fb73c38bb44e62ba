"""Sprites, opened as a tool would."""

import io

import numpy as np
import pytest
from PIL import Image

import pgen
from pgen.api import Generator
from pgen.errors import RequestInvalid
from pgen.images.shiny import MIN_DISTANCE
from pgen.images.sprite import COLORS, FORMATS, Sprite, quantized, sprite_files
from pgen.request import Request
from pokegan.image_metrics import lab

SIZES = {
    "pokeemerald": {"front": (64, 64), "anim_front": (64, 128), "icon": (32, 64)},
    "essentials": {"Front": (160, 160), "Front shiny": (160, 160), "Icons": (128, 64), "Icons shiny": (128, 64)},
    "rpgmaker": {"enemies": (192, 192), "faces": (576, 288), "characters": (144, 192), "pictures": (32, 32)},
    "png": {"mew_2": (64, 64), "mew_2_shiny": (64, 64), "mew_2_icon": (32, 32), "mew_2_shiny_icon": (32, 32)},
}


@pytest.fixture(scope="module")
def sprite(generator: Generator) -> Sprite:
    return generator.sprites("Mew", seed=2)[0]


def colors_of(palette: bytes) -> list[list[int]]:
    head, version, count, *lines, end = palette.decode().split("\r\n")
    assert (head, version, count, end) == ("JASC-PAL", "0100", "16", "")
    return [[int(level) for level in line.split()] for line in lines]


@pytest.mark.parametrize("format", FORMATS)
def test_files_have_the_palettes_and_sizes_of_their_format(generator: Generator, sprite: Sprite, format: str) -> None:
    files = sprite_files(sprite, format, generator.bundle)
    palettes = {path: colors_of(content) for path, content in files.items() if path.endswith(".pal")}
    shiny = next(colors for path, colors in palettes.items() if "shiny" in path)
    usual = next(colors for path, colors in palettes.items() if "shiny" not in path)
    assert len(palettes) == 2
    sizes = {}
    for path, content in files.items():
        if not path.endswith(".png"):
            continue
        image = Image.open(io.BytesIO(content))
        assert (image.mode, image.info["transparency"], content[24]) == ("P", 0, 4), "bit depth of the IHDR chunk"
        assert np.array(image.getpalette()).reshape(-1, 3).tolist() == (shiny if "shiny" in path else usual)
        assert np.asarray(image).max() <= COLORS
        assert np.asarray(image)[0, 0] == 0
        assert (image.info["prompt"], image.info["seed"], image.info["sprite"]) == ("Mew", "2", format)
        assert image.info["backend"] == generator.backend(generator.model)
        *_, folder, name = path.removesuffix(".png").split("/") if "/" in path else ("", "", path.removesuffix(".png"))
        sizes[name if format in ("pokeemerald", "png") else folder] = image.size
    assert sizes == SIZES[format]
    if format == "pokeemerald":
        assert all(level % 8 == 0 for color in usual + shiny for level in color), "15-bit colors"


def test_palettes_differ_and_the_usual_one_is_close_to_the_picture(generator: Generator, sprite: Sprite) -> None:
    (picture,) = generator.images("Mew", seed=2, stage=1)
    opaque = picture[..., 3] >= 128
    assert np.array_equal(sprite.indices > 0, opaque)
    error = np.linalg.norm(lab(sprite.palette[sprite.indices][opaque]) - lab(picture[opaque][:, :3]), axis=1)
    assert error.mean() < 6
    change = np.linalg.norm(
        lab(sprite.palette[sprite.indices][opaque]) - lab(sprite.shiny[sprite.indices][opaque]), axis=1
    )
    assert change.mean() > MIN_DISTANCE - 6


def test_invisible_picture_is_a_transparent_sprite() -> None:
    nothing = np.zeros((64, 64, 4), np.uint8)
    sprite = quantized(Request("Mew", 0), nothing, nothing)
    assert not sprite.indices.any()
    assert not sprite.palette.any()


def test_shiny_sprite_is_rejected(generator: Generator) -> None:
    with pytest.raises(RequestInvalid, match="leave shiny out"):
        list(pgen.write_sprites(generator, [Request("Mew", 0, shiny=True)], "png", "."))
    with pytest.raises(RequestInvalid, match="choose png, pokeemerald"):
        list(pgen.write_sprites(generator, [Request("Mew", 0)], "gif", "."))
