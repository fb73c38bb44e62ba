from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgen.errors import OutputInvalid
from pgen.generator import Request
from pgen.output import check_file, check_folder, file_names, grid, resize, save

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)


@pytest.mark.parametrize("extension", [".png", ".webp"])
def test_every_pixel_survives(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    save(Image.fromarray(PIXELS), path, {"prompt": "Flabébé"})
    with Image.open(path) as read:
        assert np.array_equal(np.array(read.convert("RGBA")), PIXELS)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_png_carries_its_facts(tmp_path: Path) -> None:
    save(Image.fromarray(PIXELS), tmp_path / "a.png", {"prompt": "Flabébé ♀", "seed": "3"})
    with Image.open(tmp_path / "a.png") as read:
        assert read.info["prompt"] == "Flabébé ♀"
        assert read.info["seed"] == "3"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def full(self: Image.Image, file: object, *arguments: object, **options: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputInvalid, match="No space left"):
        save(Image.fromarray(PIXELS), tmp_path / "a.png", {})
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, told in [
        (tmp_path / "a.xyz", "unknown extension .xyz"),
        (tmp_path / "a", "unknown extension"),
        (tmp_path / "none" / "a.png", "no such folder"),
        (tmp_path / "file" / "a.png", "is not a folder"),
    ]:
        with pytest.raises(OutputInvalid, match=told):
            check_file(path)
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OutputInvalid, match="is a folder"):
        check_file(tmp_path / "x.png")
    with pytest.raises(OutputInvalid, match="no such folder"):
        check_folder(tmp_path / "none" / "deeper")
    assert check_folder(tmp_path / "new").is_dir()


def test_resizing_keeps_invisible_colour_out_of_edges() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[16:48, 16:48] = (0, 0, 255, 255)
    small = np.array(resize(pixels, 16))
    assert small[small[..., 3] > 0][:, 0].max() == 0


def test_a_grid_is_as_square_as_can_be() -> None:
    assert grid([Image.fromarray(PIXELS)] * 5).size == (24, 16)
    assert grid([Image.fromarray(PIXELS)] * 5, columns=5).size == (40, 8)
    assert grid([Image.fromarray(PIXELS)] * 2, columns=9).size == (16, 8)


@given(st.lists(st.tuples(st.text(max_size=80), st.integers(0, 3)), max_size=12))
def test_file_names_are_safe_and_unique(wanted: list[tuple[str, int]]) -> None:
    names = file_names([Request(prompt, seed) for prompt, seed in wanted])
    assert len(set(names)) == len(wanted)
    for name in names:
        assert name.endswith(".png")
        assert set(name.removesuffix(".png")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
        assert len(name) < 100
