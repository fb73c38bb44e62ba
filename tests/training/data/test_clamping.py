"""Lanczos overshoots; color above alpha is a pixel that no generator can draw."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pgtrain.data.images import decode


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), side=st.integers(3, 90), size=st.integers(2, 96))
def test_decoded_color_never_exceeds_alpha(
    seed: int, side: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side, 4), np.uint8)
    pixels[..., 3] = np.where(random.random((side, side)) < 0.5, 255, pixels[..., 3] // 9)
    path = tmp_path_factory.mktemp("clamp") / "picture.png"
    Image.fromarray(pixels).save(path)
    picture = decode(Path(path), size)
    assert (picture[:3] <= picture[3:]).all()
