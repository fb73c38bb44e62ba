"""PSNR of premultiplied pictures."""

import numpy as np
import pytest

from pokegan.image_metrics import MAX_PSNR, premultiplied, psnr


def test_psnr_of_equal_pictures_is_finite() -> None:
    assert psnr(np.zeros((1, 2, 2, 4))) == MAX_PSNR


def test_psnr_of_one_level_everywhere() -> None:
    assert psnr(np.ones(16)) == pytest.approx(20 * np.log10(255))


def test_color_of_invisible_pixels_does_not_count() -> None:
    red, blue = (np.array([[[[*color, 0]]]], np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    assert np.array_equal(premultiplied(red), premultiplied(blue))
