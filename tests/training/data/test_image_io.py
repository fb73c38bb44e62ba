"""Images of unusual depth, shape and orientation."""

import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


GRAY, COLOR, PALETTE = 0, 2, 3
"""Kinds of pixels in the header of a PNG."""

PNG_KINDS = [(GRAY, 1), (GRAY, 2), (GRAY, 4), (GRAY, 8), (GRAY, 16), (COLOR, 8), (COLOR, 16)]
PNG_KINDS += [(PALETTE, depth) for depth in (1, 2, 4, 8)]


def png(kind: int, depth: int, rows: np.ndarray, chunks: dict[bytes, bytes]) -> bytes:  # type: ignore[type-arg]
    """Encode samples (H, W, C) of `depth` bits as a PNG with `chunks` before the pixels."""
    height, width, _ = rows.shape
    bits = (rows.reshape(height, -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    packed = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    parts = {b"IHDR": header, **chunks, b"IDAT": pixels, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts.items()
    )


@settings(deadline=None)
@given(st.data())
def test_png_of_any_depth_keeps_its_transparency(data: st.DataObject) -> None:
    kind, depth = data.draw(st.sampled_from(PNG_KINDS))
    channels = 3 if kind == COLOR else 1
    sample = st.integers(0, 2**depth - 1)
    pixel = st.lists(sample, min_size=channels, max_size=channels)
    # Few different pixels, so that some are transparent; deep ones may differ in their low byte alone.
    chosen = data.draw(st.lists(pixel, min_size=1, max_size=4))
    if depth == 16:
        chosen.append([*chosen[0][:-1], chosen[0][-1] ^ 1])
    pixels = data.draw(st.lists(st.sampled_from(chosen), min_size=6, max_size=6))
    rows = np.array(pixels, np.int64).reshape(2, 3, channels)
    chunks, alpha = {}, np.full((2, 3), 255)
    if kind == PALETTE:
        chunks[b"PLTE"] = bytes(3 * 2**depth)
    if data.draw(st.booleans(), label="transparency"):
        if kind == PALETTE:
            alphas = data.draw(st.lists(st.integers(0, 255), min_size=1, max_size=2**depth))
            chunks[b"tRNS"] = bytes(alphas)
            alpha = np.array([*alphas, *[255] * (2**depth - len(alphas))])[rows[..., 0]]
        else:
            transparent = data.draw(st.sampled_from(chosen) | pixel)
            chunks[b"tRNS"] = struct.pack(f">{channels}H", *transparent)
            alpha = np.where((rows == transparent).all(-1), 0, 255)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(png(kind, depth, rows, chunks))
        opened = np.array(open_rgba(path))
    assert opened[..., 3].tolist() == alpha.tolist()
    if kind != PALETTE:
        visible = alpha == 255
        expected = rows * 255 // (2**depth - 1)
        assert np.abs(opened[visible, :3] - expected[visible]).max(initial=0) <= 1


@pytest.mark.parametrize(("size", "expected"), [((30_000, 1), 1), ((1, 30_000), 1), ((8192, 4096), 2048)])
def test_long_pictures_are_scaled_down_before_they_are_padded(size: tuple[int, int], expected: int) -> None:
    square = padded(Image.new("RGBA", size, "red"))
    assert square.size == (LONGEST, LONGEST)
    box = square.getchannel("A").getbbox()
    assert box is not None
    assert min(box[2] - box[0], box[3] - box[1]) == expected
