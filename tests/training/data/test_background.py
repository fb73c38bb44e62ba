from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pgtrain.data.background import connected_to_border, without_background
from pgtrain.data.image_io import open_rgba
from pgtrain.data.images import decode
from pgtrain.data.options import DataOptions


def ring(ground: str = "white", noise: int = 0) -> Image.Image:
    """A red ring whose hole has the ground's color."""
    image = Image.new("RGB", (64, 48), ground)
    ImageDraw.Draw(image).ellipse((12, 8, 52, 40), outline="red", width=8)
    pixels = np.array(image).astype(int) + np.random.default_rng(0).integers(-noise, noise + 1, (48, 64, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGBA")


@pytest.mark.parametrize("noise", [0, 8])
@pytest.mark.parametrize("ground", ["white", "black", "#3050a0"])
def test_background_is_removed_and_enclosed_areas_stay(ground: str, noise: int) -> None:
    alpha = np.array(without_background(ring(ground, noise)))[..., 3]
    assert alpha[0].max() == alpha[:, -1].max() == 0
    assert alpha[24, 32] == 255, "the hole is not connected to the border"
    assert alpha[24, 15] == 255


def test_pictures_without_plain_background_stay_unchanged() -> None:
    cut_out = Image.new("RGBA", (8, 8), (255, 255, 255, 255))
    cut_out.putpixel((0, 0), (0, 0, 0, 0))
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).convert("RGBA")
    blank = Image.new("RGBA", (8, 8), "white")
    for picture in (cut_out, photograph, blank):
        assert without_background(picture) is picture


def test_decoding_removes_only_when_asked(tmp_path: Path) -> None:
    ring().convert("RGB").save(tmp_path / "ring.png")
    kept = decode(tmp_path / "ring.png", 64)
    removed = decode(tmp_path / "ring.png", 64, DataOptions(background="remove"))
    assert kept[3, 32, 2] == 255
    assert removed[:, 32, 2].tolist() == [0, 0, 0, 0]


def test_sixteen_bits_of_gray_keep_their_shades(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "gray.png")
    assert [pixel[0] for pixel in np.array(open_rgba(tmp_path / "gray.png"))[0]] == [0, 128, 255]


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_connected_pixels_equal_those_of_a_graph_search(mask: NDArray[np.bool_]) -> None:
    height, width = mask.shape
    todo = [(y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    walked = np.zeros_like(mask)
    while todo:
        y, x = todo.pop()
        if 0 <= y < height and 0 <= x < width and mask[y, x] and not walked[y, x]:
            walked[y, x] = True
            todo += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    assert np.array_equal(connected_to_border(mask), walked)
