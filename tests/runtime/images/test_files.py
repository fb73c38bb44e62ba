import errno
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgen.errors import OutputInvalid
from pgen.images.encoders import DESCRIPTION, encode
from pgen.images.grid import grid
from pgen.images.naming import RESERVED, Namer, check_file, check_folder, unused_path, write
from pgen.images.postprocess import FORMATS, Postprocess, parse_color
from pgen.request import Request

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
FACTS = {"prompt": "Flabébé ♀", "seed": "3"}


def encoded(path: Path, image: Image.Image, format: str) -> Path:
    path.write_bytes(encode(image, format, FACTS))
    return path


@pytest.mark.parametrize("format", ["png", "webp"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, format: str) -> None:
    with Image.open(encoded(tmp_path / "a", Image.fromarray(PIXELS), format)) as read:
        assert np.array_equal(np.array(read.convert("RGBA")), PIXELS)


def test_gif_keeps_shape_and_colors(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[8:24, 8:24] = (250, 120, 10, 255)
    pixels[10:14, 10:14] = (10, 20, 240, 200)
    pixels[0, 0] = (9, 9, 9, 100)
    with Image.open(encoded(tmp_path / "a.gif", Image.fromarray(pixels), "gif")) as read:
        seen = np.array(read.convert("RGBA"))
    assert np.array_equal(seen[..., 3] == 255, pixels[..., 3] >= 128)
    assert np.array_equal(seen[8:24, 8:24, :3], pixels[8:24, 8:24, :3])


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_stores_metadata(tmp_path: Path, format: str) -> None:
    with Image.open(encoded(tmp_path / "a", Image.fromarray(PIXELS), format)) as read:
        if format == "png":
            assert FACTS.items() <= read.info.items()
        else:
            stored = read.getexif()[DESCRIPTION] if format in ("webp", "jpeg") else read.info["comment"]
            assert json.loads(stored) == FACTS


def test_write_is_atomic_with_default_permissions(tmp_path: Path) -> None:
    write(tmp_path / "a.png", b"new")
    (tmp_path / "usual").write_bytes(b"")
    assert (tmp_path / "a.png").read_bytes() == b"new"
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    opened = Path.open

    def full(path: Path, *arguments: object) -> object:
        opened(path, *arguments).close()  # type: ignore[call-overload]
        return opened(Path("/dev/full"), "wb")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputInvalid, match="No space left"):
        write(tmp_path / "a.png", b"new")
    monkeypatch.undo()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOSPC, "free space"), (errno.EACCES, "fix its permissions")])
def test_failed_write_names_the_remedy_of_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    def fail(path: Path, *_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OutputInvalid, match=rf"a.png: cannot be written \(.*\); {remedy}, or choose another path"):
        write(tmp_path / "a.png", b"new")


def test_removed_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputInvalid, match="cannot be written"):
        write(tmp_path / "gone" / "a.png", b"new")


def test_unwritable_paths_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in [
        (tmp_path / "a.xyz", "unknown extension .xyz"),
        (tmp_path / "a", "unknown extension"),
        (tmp_path / "a.png.", "unknown extension"),
        (tmp_path / "none" / "a.png", "no such folder"),
        (tmp_path / "file" / "a.png", "is not a folder"),
    ]:
        with pytest.raises(OutputInvalid, match=message):
            check_file(path, FORMATS)
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OutputInvalid, match="is a folder"):
        check_file(tmp_path / "x.png", FORMATS)
    with pytest.raises(OutputInvalid, match="no such folder"):
        check_folder(tmp_path / "none" / "deeper")
    assert check_folder(tmp_path / "new").is_dir()


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "a\0b.png", "\ud800.png"])
def test_impossible_names_are_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputInvalid):
        write(tmp_path / name, b"")
    with pytest.raises(OutputInvalid):
        check_folder(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_longest_name_can_be_written(tmp_path: Path) -> None:
    name = "x" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".png"
    write(tmp_path / name, b"new")
    assert (tmp_path / name).read_bytes() == b"new"


@pytest.mark.parametrize("name", ["con.png", "NUL", "Com1.webp", "lpt9.x.gif"])
def test_names_of_windows_devices_are_rejected(name: str) -> None:
    assert RESERVED.match(name)
    assert not RESERVED.match(f"x{name}")


def test_unused_path_adds_a_number(tmp_path: Path) -> None:
    assert unused_path(tmp_path / "a.png") == tmp_path / "a.png"
    for name in ("a.png", "a_2.png"):
        (tmp_path / name).touch()
    assert unused_path(tmp_path / "a.png") == tmp_path / "a_3.png"
    assert unused_path(tmp_path / ("x" * 999)) == tmp_path / ("x" * 999), "which write refuses"


def test_resize_ignores_invisible_colors() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[16:48, 16:48] = (0, 0, 255, 255)
    small = np.array(Postprocess(16).apply(pixels))
    assert small[small[..., 3] > 0][:, 0].max() == 0


def test_nearest_repeats_pixels() -> None:
    assert np.array_equal(np.array(Postprocess(24, "nearest").apply(PIXELS)), PIXELS.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(("background", "ground"), [("white", 255), ("Black", 0), ("#000", 0), ("#808080", 128)])
def test_background_fills_transparent_pixels(background: str, ground: int) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4] = (200, 100, 50, 255)
    pixels[7] = (255, 255, 255, 128)
    seen = np.array(Postprocess(background=background).apply(pixels))
    assert seen.shape == (8, 8, 3)
    assert (seen[:4] == (200, 100, 50)).all()
    assert (seen[4:7] == ground).all()
    assert (abs(seen[7].astype(int) - (ground + 255) / 2) <= 1).all()


@given(st.text(max_size=9))
def test_background_is_a_color_or_rejected(background: str) -> None:
    try:
        color = parse_color(background)
    except OutputInvalid:
        return
    assert color is None or all(0 <= channel <= 255 for channel in color)


@pytest.mark.parametrize(
    "wrong", [{"size": 7}, {"size": 4097}, {"resample": "bilinear"}, {"background": "pinkish"}, {"format": "bmp"}]
)
def test_invalid_postprocess_is_rejected(wrong: dict[str, object]) -> None:
    with pytest.raises(OutputInvalid, match=next(iter(wrong))):
        Postprocess(**wrong)  # type: ignore[arg-type]


def test_grid_is_as_square_as_possible() -> None:
    images = [Image.fromarray(PIXELS)] * 5
    assert grid(images, 5, 8).size == (24, 16)
    assert grid(images, 5, 8, columns=5).size == (40, 8)
    assert grid(images[:2], 2, 8, columns=9).size == (16, 8)


WANTED = st.builds(
    Request,
    prompt=st.one_of(st.text(max_size=80), st.sampled_from(["Red", "red", "RED", "r-e-d", "Ré", "CON", "", "dcgan"])),
    seed=st.integers(0, 3),
    model=st.sampled_from([None, "dcgan", "wgan"]),
    truncation=st.sampled_from([1.0, 0.5, 0.25]),
    stage=st.sampled_from([None, 1]),
    colors=st.sampled_from(["", "Mew", "mew", "a red dog"]),
)


@given(st.lists(WANTED, max_size=12))
def test_file_names_are_safe_and_unique(batch: list[Request]) -> None:
    namer = Namer()
    names = {request: namer(request, "png") for request in batch}
    assert len({name.lower() for name in names.values()}) == len(names)
    for name in names.values():
        assert set(name.removesuffix(".png")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert len(name) < 200
        assert not RESERVED.match(name)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (Request("Charizard", 0), "charizard_0.png"),
        (Request("a red fire dragon", 7), "a-red-fire-dragon_7.png"),
        (Request("", 3, "dcgan"), "dcgan-3.png"),
        (Request("Mew", 3, truncation=0.5, stage=1), "mew_3_t0.5_stage1.png"),
        (Request("Mew", 3, colors="a red dog"), "mew_3_in-a-red-dog-0fe321.png"),
        (Request("ピカチュウ", 0), "picture-7b16d4945700_0.png"),
    ],
)
def test_file_names_are_readable(request_: Request, name: str) -> None:
    assert Namer()(request_, "png") == name


@pytest.mark.skipif(sys.platform != "linux", reason="has no /proc")
def test_folder_without_new_files_is_not_called_removed(tmp_path: Path) -> None:
    with pytest.raises(OutputInvalid, match="its folder takes no new files; choose another"):
        write(Path("/proc/a.png"), b"content")
    with pytest.raises(OutputInvalid, match="its folder was removed; create it again"):
        write(tmp_path / "none" / "a.png", b"content")
