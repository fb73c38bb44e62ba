"""The imagefolder convention of Hugging Face `datasets`, and captions in text files beside the images."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pgtrain.data.captions import captions
from pgtrain.data.records import Collection, Record
from pgtrain.data.sources import read
from pgtrain.errors import DataInvalid, DataNotFound
from tests.conftest import COLORS, TINY, Command, draw

TEXTS = ["a red ball", "a green ball"]


def rows(column: str = "caption") -> list[dict[str, str]]:
    return [{"file_name": f"{number:04}.png", column: text} for number, text in enumerate(TEXTS)]


def folder_with(folder: Path, file: str, column: str = "caption") -> Path:
    """Two images and a file of metadata, as people write them."""
    for row in rows(column):
        draw(folder / row["file_name"])
    path = folder / file
    if path.suffix.lower() == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(column)))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, ["file_name", column])
            writer.writeheader()
            writer.writerows(rows(column))
    else:
        pq.write_table(pa.Table.from_pylist(rows(column)), path)
    return folder


def names(collection: Collection) -> list[str]:
    return [record.name for record in collection.records]


@pytest.mark.parametrize("column", ["text", "caption", "prompt", "Caption", "captions", "description"])
@pytest.mark.parametrize("file", ["metadata.jsonl", "metadata.csv", "metadata.parquet", "Metadata.JSONL"])
def test_captions_of_metadata_are_read(tmp_path: Path, file: str, column: str) -> None:
    collection = read(folder_with(tmp_path, file, column))
    assert names(collection) == TEXTS
    assert collection.layout.columns == {"file_name": "file_name", "caption": column}
    assert collection.layout.name == file
    assert [image.name for image in collection.images] == ["0000.png", "0001.png"]


def test_caption_beside_a_name_is_a_text(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    line = {"file_name": "a.png", "name": "Ava", "prompt": "it rolls", "text": "it naps", "seed": 7}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line))
    collection = read(tmp_path)
    assert collection.records == [Record("Ava", tmp_path / "a.png", text="it naps")]
    assert collection.layout.unused == ("prompt", "seed")


def test_caption_column_overrides(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    line = {"file_name": "a.png", "text": "one", "blip": "two"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line))
    assert names(read(tmp_path)) == ["one"]
    overridden = read(tmp_path, "blip")
    assert names(overridden) == ["two"]
    assert overridden.digest() != read(tmp_path).digest()
    assert read(tmp_path, "text").digest() != overridden.digest()
    with pytest.raises(DataInvalid, match=r"no column 'none'; choose from blip, file_name, text"):
        read(tmp_path, "none")


def test_list_of_captions_becomes_several_captions(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    line = {"file_name": "a.png", "name": "Ava", "captions": ["it rolls", "it naps"]}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line))
    texts = [caption.text for caption in captions(read(tmp_path).records[0])]
    assert texts == ["Ava", "it rolls", "it naps"]


@pytest.mark.parametrize("file", ["metadata.jsonl", "metadata.csv", "metadata.parquet"])
def test_splits_with_metadata_are_read_together(tmp_path: Path, file: str) -> None:
    folder_with(tmp_path / "train", file)
    folder_with(tmp_path / "test", file, "prompt")
    assert sorted(names(read(tmp_path))) == sorted(TEXTS * 2)
    assert len(read(tmp_path / "train").images) == 2


def test_file_name_of_another_case_is_found(tmp_path: Path) -> None:
    draw(tmp_path / "Images/ABRA.PNG")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "images/abra.png", "text": "a ball"}')
    assert read(tmp_path).images == [tmp_path / "Images/ABRA.PNG"]
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "images/gone.png", "text": "a ball"}')
    with pytest.raises(DataNotFound, match=r"line 1: images/gone.png is not in"):
        read(tmp_path)


def test_backslashes_of_windows_are_read(tmp_path: Path) -> None:
    draw(tmp_path / "images/a.png")
    (tmp_path / "metadata.csv").write_text("file_name,text\nimages\\a.png,a ball\n")
    assert read(tmp_path).images == [tmp_path / "images/a.png"]


@pytest.mark.parametrize("suffix", [".txt", ".TXT", ".caption"])
def test_text_files_beside_images_are_captions(tmp_path: Path, suffix: str) -> None:
    for number, text in enumerate(TEXTS):
        draw(tmp_path / f"{number}.png")
        (tmp_path / f"{number}{suffix}").write_text(f"{text}\nanother\n", "utf-8-sig")
    draw(tmp_path / "mr_mime.png")
    collection = read(tmp_path)
    assert names(collection) == [*TEXTS, "mr mime"]
    assert collection.records[0].text == "another"
    assert "text files" in collection.layout.name


def test_text_files_in_class_folders_are_captions(tmp_path: Path) -> None:
    for name in ("Abra", "Muk"):
        draw(tmp_path / name / "0.png")
        (tmp_path / name / "0.txt").write_text("it rolls")
    assert [(record.name, record.text) for record in read(tmp_path).records] == [
        ("Abra", "it rolls"),
        ("Muk", "it rolls"),
    ]


def test_digest_of_folders_without_text_files_is_that_of_older_runs(tmp_path: Path) -> None:
    path = draw(tmp_path / "abra.png")
    fields = {"name": "abra", "image": True, "types": [], "color": "", "shape": "", "genus": "", "description": ""}
    described = json.dumps([fields | {"text": ""}]).encode()
    assert read(tmp_path).digest() == Collection([Record("abra", path)], described).digest()


def test_metadata_of_the_folder_leaves_out_that_of_folders_below(tmp_path: Path) -> None:
    folder_with(tmp_path, "metadata.jsonl")
    (tmp_path / "metadata.csv").write_text("file_name,text\n0000.png,other\n")
    folder_with(tmp_path / "more", "metadata.jsonl")
    collection = read(tmp_path)
    assert names(collection) == TEXTS
    skipped = " ".join(collection.layout.skipped)
    assert "metadata.csv" in skipped
    assert "2 images that no line names" in skipped


def test_table_without_file_names_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_text("image,text\na.png,a ball\n")
    with pytest.raises(DataInvalid, match=r"metadata.csv: no column file_name; it has image, text"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file_name,text\na.png\n", "line 2: 1 cells, expected 2"),
        (b"file_name,text\na.png,b,c\n", "line 2: 3 cells, expected 2"),
        (b"file_name,text\na.png,\xff\n", "utf-8"),
        (b"", "no column file_name"),
    ],
)
def test_bad_csv_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(DataInvalid, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        pa.dictionary(pa.int32(), pa.string()),
        pa.string_view(),
        pa.large_string(),
        pa.list_(pa.string()),
        pa.list_(pa.string(), 2),
        pa.list_view(pa.string()),
    ],
)
def test_parquet_texts_of_every_kind_are_captions(tmp_path: Path, kind: pa.DataType) -> None:
    content = draw(tmp_path / "made/a.png").read_bytes()
    texts: list[object] = [[text, "more"] if "list" in str(kind) else text for text in TEXTS]
    columns = {"image": pa.array([content] * 2, pa.binary())}
    dictionary = pa.types.is_dictionary(kind)
    columns["caption"] = pa.array(TEXTS).dictionary_encode() if dictionary else pa.array(texts, kind)
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    collection = read(tmp_path / "a.parquet")
    assert names(collection) == TEXTS
    assert collection.layout.columns == {"image": "image", "caption": "caption"}


def test_parquet_caption_column_overrides(tmp_path: Path) -> None:
    content = draw(tmp_path / "made/a.png").read_bytes()
    pq.write_table(pa.table({"image": [content], "text": ["one"], "blip": ["two"]}), tmp_path / "a.parquet")
    assert names(read(tmp_path / "a.parquet", "blip")) == ["two"]
    assert read(tmp_path / "a.parquet").layout.unused == ("blip",)
    with pytest.raises(DataInvalid, match="no column 'none'; choose from blip, text"):
        read(tmp_path / "a.parquet", "none")


def test_inspect_shows_what_was_recognized(inside: Command, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "metadata.csv", "prompt")
    draw(folder / "unnamed.png")
    done = inside("pgtrain", "data", "inspect", folder)
    assert done.returncode == 0, done.stderr
    for part in ("metadata.csv", "caption: prompt", "1 images that no line names", *TEXTS):
        assert part in done.stdout
    report = json.loads(inside("pgtrain", "data", "inspect", folder, "--json").stdout)
    assert report["layout"]["columns"]["caption"] == "prompt"
    assert report["examples"] == TEXTS
    done = inside("pgtrain", "data", "inspect", folder, "--caption-column", "none")
    assert done.returncode == 2
    assert "no column 'none'" in done.stderr


def test_run_remembers_its_caption_column(inside: Command, tiny_encoder: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    lines = []
    for number, color in enumerate(COLORS):
        draw(data / f"{number}.png")
        lines.append(json.dumps({"file_name": f"{number}.png", "text": "a ball", "blip": f"a {color} ball"}))
    (data / "metadata.jsonl").write_text("\n".join(lines))
    options = ("--data", data, "--out", out, "--encoder", tiny_encoder, *TINY)
    done = inside("pgtrain", "stackgan", *options, "--epochs", 1, "--caption-column", "blip")
    assert done.returncode == 0, done.stderr
    described = json.loads((out / "config.json").read_text())["data"]
    assert described["caption_column"] == "blip"
    assert described["names"] == [f"a {color} ball" for color in COLORS]
    done = inside("pgtrain", "stackgan", *options, "--epochs", 2, "--resume")
    assert done.returncode == 0, done.stderr
