"""Images of unusual depth, shape and orientation."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgtrain.data.image_io import LONGEST, open_rgba, padded


def levels(path: Path) -> list[int]:
    return [pixel[0] for pixel in np.array(open_rgba(path))[0].tolist()]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_orientation_turns_the_picture(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 20, 20))
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    picture = open_rgba(tmp_path / f"a.{suffix}")
    assert picture.size == (20, 40)
    top = picture.getpixel((10, 5))
    assert isinstance(top, tuple)
    assert top[2] > 200, "the left half is now above"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 127, 255]),
        (np.array([[0, 128, 255]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 128, 255]], np.float32), [0, 128, 255]),
        (np.array([[-5, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 32896, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 10**6, 2 * 10**6]], np.int32), [0, 127, 255]),
    ],
)
def test_deep_tiff_keeps_its_shades(tmp_path: Path, values: np.ndarray, expected: list[int]) -> None:  # type: ignore[type-arg]
    Image.fromarray(values).save(tmp_path / "a.tiff")
    assert levels(tmp_path / "a.tiff") == expected


def test_sixteen_bit_gray_keeps_its_transparent_level(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "a.png", transparency=32896)
    pixels = np.array(open_rgba(tmp_path / "a.png"))[0]
    assert pixels[:, 3].tolist() == [255, 0, 255]
    assert pixels[[0, 2], 0].tolist() == [0, 255]


@pytest.mark.parametrize(("size", "expected"), [((30_000, 1), 1), ((1, 30_000), 1), ((8192, 4096), 2048)])
def test_long_pictures_are_scaled_down_before_they_are_padded(size: tuple[int, int], expected: int) -> None:
    square = padded(Image.new("RGBA", size, "red"))
    assert square.size == (LONGEST, LONGEST)
    box = square.getchannel("A").getbbox()
    assert box is not None
    assert min(box[2] - box[0], box[3] - box[1]) == expected
