"""Every layout that --data takes, made small; the hubs' own downloads are stood in for."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtrain.data.captions import captions
from pgtrain.data.dataset import decoded
from pgtrain.data.options import DEFAULT
from pgtrain.data.records import Record
from pgtrain.data.sources import hub, parquet, pokedex, read
from pgtrain.data.stats_rows import RARITIES
from pgtrain.errors import DataInvalid, DataNotFound, EncoderNotFound
from pgtrain.models.hub import hub_answers
from pgtrain.models.text_encoder import load_encoder
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.table import read as table_of
from pokegan.errors import MissingExtra, PokeganError
from tests.conftest import COLORS, disk_full, draw, run_python


def names(folder: Path | str) -> list[str]:
    return [record.name for record in read(folder).records]


def test_plain_folder_names_by_file(tmp_path: Path) -> None:
    for file in ("mr_mime.png", "Ho-Oh.PNG", "more/deep.webp", ".hidden.png", "__MACOSX/a.png"):
        draw(tmp_path / file)
    (tmp_path / "notes.txt").write_text("no image")
    assert sorted(names(tmp_path)) == ["Ho-Oh", "deep", "mr mime"]
    assert decoded(read(tmp_path), 32).pictures.shape == (3, 4, 32, 32)


def test_class_folders_name_by_folder_also_when_wrapped_and_split(tmp_path: Path) -> None:
    for file in ("Abra/0.png", "Abra/1.png", "MrMime/0.png"):
        draw(tmp_path / "PokemonData" / file)
    assert names(tmp_path) == names(tmp_path / "PokemonData") == ["Abra", "Abra", "MrMime"]
    draw(tmp_path / "split/train/Abra/0.png")
    draw(tmp_path / "split/test/Muk/0.png")
    assert names(tmp_path / "split") == ["Muk", "Abra"]


def test_folders_of_splits_are_no_classes(tmp_path: Path) -> None:
    draw(tmp_path / "train/abra.png")
    draw(tmp_path / "test/muk.png")
    assert sorted(names(tmp_path)) == ["abra", "muk"]


def test_table_beside_one_folder_of_images(tmp_path: Path) -> None:
    draw(tmp_path / "images/abra.png")
    draw(tmp_path / "images/muk.png")
    (tmp_path / "pokemon.csv").write_text("Name,Type1\n")
    assert names(tmp_path) == ["abra", "muk"]


ENTRY = {
    "id": 1,
    "name": {"english": "Leafling", "japanese": "リーフ"},
    "type": ["Grass", "Poison"],
    "base": {"HP": 45},
    "species": "Leaf Pokémon",
    "description": "It naps.",
    "profile": {"height": "0.7 m"},
}


def pokedex_at(folder: Path, *entries: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pokedex.json").write_text(json.dumps(entries), "utf-8")
    return folder


def test_pokedex_layout(tmp_path: Path) -> None:
    image = draw(tmp_path / "images/pokedex/hires/001.png")
    draw(tmp_path / "images/pokedex/thumbnails/001.png")
    pokedex_at(tmp_path, ENTRY, {"id": 1025, "name": {"english": "Unseen"}, "type": []})
    expected = Record("Leafling", image, ("grass", "poison"), genus="Leaf Pokémon", description="It naps.")
    assert read(tmp_path).records == [expected, Record("Unseen")]


def test_older_pokedex_layout_inside_an_archives_folder(tmp_path: Path) -> None:
    image = draw(tmp_path / "pokemon.json-master/images/001.png")
    pokedex_at(tmp_path / "pokemon.json-master", ENTRY)
    assert read(tmp_path).images == [image]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": {"english": "A"}}, "entry 1"),
        ({"id": "1", "name": {"english": "A"}}, "entry 1"),
        ({"id": 1, "name": "A"}, "entry 1"),
        ({"id": 1, "name": {"english": "A"}, "type": [3]}, "entry 1"),
        (5, "entry 1"),
        ({"id": 9, "name": {"english": "A"}}, "images/pokedex/hires"),
    ],
)
def test_bad_pokedex_is_reported(tmp_path: Path, entry: object, message: str) -> None:
    with pytest.raises(PokeganError, match=message):
        read(pokedex_at(tmp_path, entry))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_a_pokedex_or_rejected_in_one_line(content: object) -> None:
    try:
        pokedex.parse(json.dumps(content).encode(), Path("pokedex.json"))
        message = ""
    except DataInvalid as refused:
        message = refused.message
    assert "\n" not in message


def hub_file(path: Path, rows: list[dict[str, object]], image: pa.DataType | None = None) -> Path:
    """Write what Hugging Face `datasets` writes: the image a struct of bytes and path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image or pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    others = {key for row in rows for key in row} - {"image"}
    schema = pa.schema([("image", stored), *((key, pa.string()) for key in sorted(others))])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return draw(tmp_path / "made/ball.png").read_bytes()


def test_parquet_in_the_hubs_layout(tmp_path: Path, content: bytes) -> None:
    rows = [{"image": {"bytes": content, "path": None}, "text": f"a {color} ball"} for color in COLORS]
    first = hub_file(tmp_path / "set/data/train-00000-of-00002.parquet", rows[:3])
    hub_file(tmp_path / "set/data/train-00001-of-00002.parquet", rows[3:])
    (tmp_path / "set/README.md").write_text("# card")
    assert names(tmp_path / "set") == [f"a {color} ball" for color in COLORS]
    assert names(first) == [f"a {color} ball" for color in list(COLORS)[:3]]
    collection = read(tmp_path / "set")
    assert [image.read_bytes() for image in collection.images] == [content] * 4
    assert captions(collection.records[0])[0].text == "a red ball"
    assert collection.digest() == read(tmp_path / "set").digest() != read(first).digest()
    assert len(list(collection.images[0].parents[2].iterdir())) >= 2, "extracted once each, in the cache"


def test_parquet_in_folders_of_splits(tmp_path: Path, content: bytes) -> None:
    for split in ("test", "train"):
        hub_file(
            tmp_path / "set" / split / "0.parquet", [{"image": {"bytes": content, "path": "a.png"}, "text": split}]
        )
    assert names(tmp_path / "set") == ["test", "train"]


def test_parquet_columns_by_name_and_type(tmp_path: Path, content: bytes) -> None:
    row: dict[str, object] = {"image": content, "caption": "it rolls", "name": "Ava", "zoo": "north"}
    record = read(hub_file(tmp_path / "a.parquet", [row], pa.binary())).records[0]
    assert (record.name, record.text) == ("Ava", "it rolls")
    row = {"image": {"bytes": content, "path": "mr_mime.webp"}}
    record = read(hub_file(tmp_path / "b.parquet", [row])).records[0]
    assert record.name == "mr mime"
    assert record.image is not None
    assert record.image.suffix == ".webp"


def test_parquet_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut.parquet").write_bytes(hub_file(tmp_path / "a.parquet", [{"image": None}]).read_bytes()[:-9])
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "text.parquet")
    rows: list[dict[str, object]] = [{"image": {"bytes": content, "path": "a.png"}}, {"image": {"path": "b.png"}}]
    named = hub_file(tmp_path / "named.parquet", rows)
    for path, message in (
        (tmp_path / "cut.parquet", "cut.parquet: cannot be read"),
        (tmp_path / "text.parquet", "image"),
    ):
        with pytest.raises(DataInvalid, match=message):
            read(path)
    with pytest.raises(DataInvalid, match=r"named\.parquet, row 2: stores no image"):
        read(named)


def test_hub_data_set_through_datasets(tmp_path: Path, content: bytes) -> None:
    rows: list[dict[str, object]] = [{"image": {"bytes": content, "path": "a.png"}, "text": "a ball"}]
    hub_file(tmp_path / "set/data/train-00000-of-00001.parquet", rows)
    hub_file(tmp_path / "set/data/test-00000-of-00001.parquet", rows)
    collection = read(f"hf:{tmp_path / 'set'}")
    assert [record.name for record in collection.records] == ["a ball"] * 2
    assert collection.images[0].read_bytes() == content
    assert collection.digest() == read(f"hf:{tmp_path / 'set'}").digest()


def test_unavailable_hub_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"hf:.*cannot be loaded .*folder") as refused:
        read(f"hf:{tmp_path / 'none'}")
    assert "\n" not in refused.value.message


def test_hub_that_does_not_answer_fails_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not hub_answers()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    for fetch in (hub.fetch, hub.fetch_table):
        with pytest.raises(DataNotFound, match=r"hf:a/b: cannot be loaded \(the hub does not answer, and it is not in"):
            fetch("a/b")
    assert not datasets.config.HF_HUB_OFFLINE, "the next call asks again"
    with pytest.raises(EncoderNotFound, match=r"encoder 'a/b' cannot be loaded \(the hub does not answer"):
        load_encoder("a/b")


def test_table_of_the_hub_through_datasets(tmp_path: Path) -> None:
    header = "Name,HP,Attack,Defense,Sp. Atk,Sp. Def,Speed,Type 1,Type 2,Legendary"
    mew, abra = "Mew,100,100,100,100,100,100,Psychic,,True", "Abra,25,20,15,105,55,90,Psychic,,"
    for split, row in (("train", mew), ("test", abra)):
        (tmp_path / f"{split}.csv").write_text(f"{header}\n{row}\n")
    table = table_of(f"hf:{tmp_path}", StatsConfig(), None, DEFAULT)
    assert table.names == ["Mew", "Abra"]
    assert table.stats[1].tolist() == [25, 20, 15, 105, 55, 90]
    assert table.rarities.tolist() == [RARITIES.index("legendary"), 0]


def test_kaggle_downloads_and_the_adapters_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str) -> str:
        if name != "lantian773030/pokemonclassification":
            raise RuntimeError("403 Client Error\nhttps://...")
        return str(tmp_path)

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=download))
    draw(tmp_path / "PokemonData/Abra/0.png")
    draw(tmp_path / "PokemonData/Muk/0.jpg.png")
    assert names("kaggle:lantian773030/pokemonclassification") == ["Abra", "Muk"]
    with pytest.raises(
        DataNotFound,
        match=r"kaggle:a/b: cannot be downloaded \(403 Client Error\).*folder of it that was downloaded in a browser$",
    ):
        read("kaggle:a/b")
    with pytest.raises(DataInvalid, match="kaggle:OWNER/NAME"):
        read("kaggle:nonsense")


@pytest.mark.parametrize(
    ("package", "data"), [("datasets", "hf:a/b"), ("kagglehub", "kaggle:a/b"), ("pyarrow", "a.parquet")]
)
def test_missing_package_prints_the_pip_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, data: str
) -> None:
    hub_file(tmp_path / "a.parquet", [{"image": {"bytes": package.encode(), "path": ""}}])
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"{package}.parquet", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingExtra, match=rf"{package} is not installed.*pokegan\[data\]"):
        read(data)


def test_folder_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="holds no data set"):
        read(tmp_path)
    with pytest.raises(DataNotFound, match="no such folder"):
        read(tmp_path / "none")
    with pytest.raises(DataInvalid, match="is a file"):
        read(draw(tmp_path / "a.png"))


def test_reading_folders_imports_no_heavy_package(small_data: Path) -> None:
    program = f"import sys; from pgtrain.data.sources import read; read({str(small_data)!r})\n"
    program += "print(sorted({'torch', 'datasets', 'pyarrow', 'kagglehub', 'numpy'} & set(sys.modules)))"
    done = run_python(program)
    assert done.stdout.strip() == "[]", done.stderr


def test_extraction_is_left_whole_or_not_at_all(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = hub_file(tmp_path / "full.parquet", [{"image": {"bytes": content, "path": "full.png"}}])
    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", disk_full)
        with pytest.raises(DataInvalid, match="No space left"):
            read(file)
    assert read(file).images
    assert parquet.fits(tmp_path)
