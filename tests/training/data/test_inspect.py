import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pgtrain.data.inspect import CELL, contact_sheet, inspect_data, save_sheet
from pgtrain.data.sources import read
from pgtrain.errors import DataInvalid
from tests.conftest import Command


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Five images: two alike in other formats, one palette, one wide, one cut short."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    red = Image.new("RGB", (30, 20), "red")
    red.save(folder / "a.png")
    red.convert("RGBA").save(folder / "b.tiff")
    red.convert("P").rotate(90, expand=True).save(folder / "c.gif")
    Image.new("L", (100, 10), 128).save(folder / "d.png")
    (folder / "e.png").write_bytes((folder / "d.png").read_bytes()[:60])
    return folder


def test_inspection_counts_and_names(mixed: Path) -> None:
    inspection = inspect_data(read(mixed))
    assert (inspection.records, inspection.names, inspection.images, inspection.captions) == (5, 5, 5, 0)
    assert inspection.sizes == {"30 x 20": 2, "20 x 30": 1, "100 x 10": 1}
    assert inspection.modes == {"RGB": 1, "RGBA": 1, "P": 1, "L": 1}
    assert list(inspection.broken) == [str(mixed / "e.png")]
    assert "cannot be decoded" in inspection.broken[str(mixed / "e.png")]
    assert inspection.duplicates == [[str(mixed / "a.png"), str(mixed / "b.tiff")]]


@pytest.mark.parametrize("layout", ["text files", "class folders", "lines", "parquet"])
def test_pictures_with_captions_are_counted(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / "data"
    captions = {"a": "a red ball", "b": ""}
    for name, caption in captions.items():
        place = folder / name if layout == "class folders" else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "red").save(place / f"{name}.png")
        if layout in ("text files", "class folders") and caption:
            (place / f"{name}.txt").write_text(caption)
    if layout == "lines":
        lines = [json.dumps({"file_name": f"{name}.png", "text": caption}) for name, caption in captions.items()]
        (folder / "metadata.jsonl").write_text("\n".join(lines))
    if layout == "parquet":
        files = [(folder / f"{name}.png").read_bytes() for name in captions]
        pq.write_table(pa.table({"image": files, "text": list(captions.values())}), folder := tmp_path / "a.parquet")
    inspection = inspect_data(read(folder))
    assert (inspection.records, inspection.captions) == (2, 1)


def test_file_without_permission_is_counted_as_broken(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(real: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def call(path: Path) -> Any:
            if path.name == "d.png":
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        return call

    monkeypatch.setattr(Path, "read_bytes", refusing(Path.read_bytes))
    monkeypatch.setattr(Image, "open", refusing(Image.open))
    inspection = inspect_data(read(mixed))
    assert inspection.broken[str(mixed / "d.png")].endswith("cannot be read (Permission denied); see its permissions")
    assert inspection.digest == "unknown"


def test_invisible_color_makes_no_difference(tmp_path: Path) -> None:
    for name, color in (("a", "red"), ("b", "blue")):
        image = Image.new("RGBA", (8, 8), color)
        image.putalpha(0)
        image.save(tmp_path / f"{name}.png")
    assert len(inspect_data(read(tmp_path)).duplicates) == 1


def test_contact_sheet_shows_every_picture_and_marks_broken_ones(mixed: Path) -> None:
    sheet = contact_sheet(read(mixed).images)
    assert sheet.size == (3 * CELL, 2 * CELL)
    middles = [sheet.getpixel((x * CELL + CELL // 2, y * CELL + CELL // 2)) for y in (0, 1) for x in range(3)]
    gray, white = (128, 128, 128), (255, 255, 255)
    assert [middles[0], middles[1], *middles[3:]] == [(255, 0, 0), (255, 0, 0), gray, gray, white]
    assert sheet.getpixel((2, 2)) == white, "padded, not squashed"


def test_sheet_of_a_large_data_set_shows_some(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgtrain.data.inspect.MOST", 4)
    assert contact_sheet([mixed / "a.png"] * 99).size == (2 * CELL, 2 * CELL)


@pytest.mark.parametrize(
    ("place", "message"), [("a.nonsense", "unknown extension"), ("none/a.png", "cannot be written")]
)
def test_sheet_that_cannot_be_written(mixed: Path, tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(DataInvalid, match=message):
        save_sheet(read(mixed).images, tmp_path / place)


def test_command(inside: Command, mixed: Path, tmp_path: Path) -> None:
    done = inside("pgtrain", "data", "inspect", mixed, "--sheet", tmp_path / "sheet.png")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("30 x 20", "e.png", "a.png = b.tiff", "RGBA"):
        assert words in done.stdout
    assert Image.open(tmp_path / "sheet.png").width == 3 * CELL
    inspection = json.loads(inside("pgtrain", "data", "inspect", mixed, "--json").stdout)
    assert inspection["images"] == 5


def test_command_rejects_bad_calls(inside: Command, tmp_path: Path) -> None:
    done = inside("pgtrain", "data", "inspect", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {tmp_path}: holds no data set")
    assert len(done.stderr.splitlines()) == 1


def test_resuming_with_another_background_is_rejected(inside: Command, small_data: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(small_data, data)
    options = ("--data", data, "--out", out, "--width", 4, "--size", 32, "--batch", 4, "--epochs", 1)
    done = inside("pgtrain", "dcgan", *options, "--background", "remove")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "config.json").read_text())["data"]["background"] == "remove"
    done = inside("pgtrain", "dcgan", *options, "--resume", "--background", "keep")
    assert done.returncode == 2
    assert "background remove instead of keep" in done.stderr
    assert inside("pgtrain", "dcgan", *options, "--resume").returncode == 0, "the run remembers its background"
