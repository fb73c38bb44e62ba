"""Lanczos overshoots; color above alpha is a dot on every outline."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pgen.images.postprocess import RESAMPLE, Postprocess
from pgtrain.data.inspect import CELL, contact_sheet
from pokegan.resampling import resize_premultiplied, resize_rgba


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Random colors under hard outlines, which overshoot the most."""
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    width, height = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    pixels = random.integers(0, 256, (height, width, 4), np.uint8)
    share = draw(st.sampled_from((0.1, 0.5, 0.9)))
    pixels[..., 3] = np.where(random.random((height, width)) < share, 255, draw(st.sampled_from((0, 9))))
    return Image.fromarray(pixels)


def on_white(premultiplied: NDArray[np.uint8]) -> NDArray[np.int64]:
    return premultiplied[..., :3].astype(int) + 255 - premultiplied[..., 3:]


@settings(max_examples=60, deadline=None)
@given(pictures(), st.tuples(st.integers(1, 150), st.integers(1, 150)), st.sampled_from((*Image.Resampling,)))
def test_color_never_exceeds_alpha(picture: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> None:
    pixels = resize_premultiplied(picture, size, resample)
    assert pixels.shape == (size[1], size[0], 4)
    assert (pixels[..., :3] <= pixels[..., 3:]).all()
    assert on_white(pixels).max() <= 255


@settings(max_examples=60, deadline=None)
@given(pictures(), st.integers(8, 150), st.sampled_from((*RESAMPLE,)))
def test_postprocess_shows_what_pillow_shows_and_nothing_invisible(
    picture: Image.Image, size: int, resample: str
) -> None:
    resized = np.array(Postprocess(size, resample).resize(np.array(picture)))
    ours, pillows = resized.astype(int), np.array(picture.resize((size, size), RESAMPLE[resample])).astype(int)
    if picture.width == size:
        return
    visible = pillows[..., 3] > 0
    assert (ours[..., 3] == pillows[..., 3]).all()
    assert np.abs(ours - pillows)[visible].max(initial=0) <= 1
    if resample != "nearest":
        assert not ours[~visible].any()


@settings(max_examples=30, deadline=None)
@given(pictures())
def test_contact_sheet_has_no_dots(picture: Image.Image) -> None:
    side = max(picture.size)
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    file = io.BytesIO()
    picture.save(file, "PNG")
    sheet = np.array(contact_sheet([file])).astype(int)  # type: ignore[list-item]  # Pillow opens a file, too
    assert np.abs(sheet - on_white(resize_premultiplied(square, (CELL, CELL)))).max() <= 2


def test_resizing_by_nearest_copies_pixels(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 4, 4), np.uint8))
    enlarged = resize_rgba(picture, (8, 8), Image.Resampling.NEAREST)
    assert (np.array(enlarged)[::2, ::2] == np.array(picture)).all()


@pytest.mark.parametrize("size", [(7, 7), (48, 20)])
def test_resizing_an_opaque_picture_keeps_it_opaque(size: tuple[int, int]) -> None:
    picture = Image.effect_noise((20, 20), 90).convert("RGBA")
    assert np.array(resize_rgba(picture, size))[..., 3].min() == 255
