"""Folders as people leave them: links, covers, one class, runs inside; read or counted as skipped, never silent."""

import os
from pathlib import Path

import pytest

from pgtrain.data.sources import read
from pgtrain.data.sources.files import scan
from pgtrain.errors import DataInvalid, DataNotFound
from tests.conftest import draw


def names(folder: Path) -> list[str]:
    return [record.name for record in read(folder).records]


def test_symlinked_class_folders_are_read(tmp_path: Path) -> None:
    for name in ("Abra", "Muk"):
        draw(tmp_path / "store" / name / "0.png")
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(tmp_path / "store" / name)
    assert names(tmp_path / "data") == ["Abra", "Muk"]


def test_symlinks_to_folders_above_end(tmp_path: Path) -> None:
    draw(tmp_path / "Abra/0.png")
    draw(tmp_path / "Muk/0.png")
    (tmp_path / "Muk/again").symlink_to(tmp_path)
    assert names(tmp_path) == ["Abra", "Muk"]


def test_broken_link_is_counted(tmp_path: Path) -> None:
    draw(tmp_path / "abra.png")
    (tmp_path / "muk.png").symlink_to(tmp_path / "gone.png")
    assert read(tmp_path).layout.skipped == ("muk.png: a broken link",)


def test_cover_beside_class_folders_is_skipped(tmp_path: Path) -> None:
    for file in ("cover.png", "Abra/0.png", "Muk/0.png"):
        draw(tmp_path / file)
    collection = read(tmp_path)
    assert [record.name for record in collection.records] == ["Abra", "Muk"]
    assert collection.layout.skipped == ("cover.png: lies beside the class folders",)


@pytest.mark.parametrize("files", [("0.png", "1.png"), ("img_1.png", "IMG-2.png"), ("abra01.png", "abra02.png")])
def test_single_class_names_its_images(tmp_path: Path, files: tuple[str, ...]) -> None:
    for file in files:
        draw(tmp_path / "data/Abra" / file)
    assert names(tmp_path / "data") == ["Abra", "Abra"]


def test_single_folder_of_named_images_is_no_class(tmp_path: Path) -> None:
    draw(tmp_path / "data/set-main/abra.png")
    draw(tmp_path / "data/set-main/muk.png")
    assert names(tmp_path / "data") == ["abra", "muk"]


def test_runs_inside_the_data_are_not_read(tmp_path: Path) -> None:
    draw(tmp_path / "abra.png")
    draw(tmp_path / "runs/2026/grids/0001.png")
    (tmp_path / "runs/2026/config.json").write_text("{}")
    draw(tmp_path / "mine/grids/0001.png")
    (tmp_path / "mine/config.json").write_text("{}")
    collection = read(tmp_path)
    assert [record.name for record in collection.records] == ["abra"]
    assert collection.layout.skipped == ("mine: runs of pgtrain", "runs: runs of pgtrain")


@pytest.mark.parametrize("folder", ["Abra", "data/set"])
def test_files_beside_a_wrapping_folder_are_counted(tmp_path: Path, folder: str) -> None:
    draw(tmp_path / folder / "muk.png")
    draw(tmp_path / "runs/2026/grids/0001.png")
    (tmp_path / "runs/2026/config.json").write_text("{}")
    (tmp_path / "LICENSE").touch()
    skipped = ("runs: runs of pgtrain", "1 files that are not images: no suffix (1)")
    assert read(tmp_path).layout.skipped == skipped


@pytest.mark.parametrize("suffix", [".avif", ".jfif", ".JPG"])
def test_further_suffixes_are_images(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"abra{suffix}").write_bytes(draw(tmp_path / "made/a.png").read_bytes())
    assert tmp_path / f"abra{suffix}" in read(tmp_path).images


def test_unreadable_folder_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "abra.png")
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    look = Path.is_file

    def refuse_to_look(path: Path) -> bool:
        if path.parent.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(Path, "is_file", refuse_to_look)
    assert scan(tmp_path).skipped == (f"{tmp_path / 'locked'}: cannot be read (Permission denied)",)


def test_other_files_are_counted(tmp_path: Path) -> None:
    for file in ("abra.png", "abra.txt", "a.psd", "b.psd", "LICENSE", "metadata.json", "mew.txt"):
        draw(tmp_path / "made.png").rename(tmp_path / file)
    (tmp_path / "abra.txt").write_text("a yellow creature")
    (skipped,) = read(tmp_path).layout.skipped
    what, _, kinds = skipped.partition(": ")
    assert what == "5 files that are not images"
    assert sorted(kinds.split(", ")) == [".json (1)", ".psd (2)", ".txt (1)", "no suffix (1)"]


@pytest.mark.parametrize("data", ["", " "])
def test_empty_name_is_refused(data: str) -> None:
    with pytest.raises(DataNotFound, match="data set is empty"):
        read(data)


def test_file_that_is_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"a.png: is a file that holds no pictures"):
        read(draw(tmp_path / "a.png"))
