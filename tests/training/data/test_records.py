import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtrain.data.captions import captions
from pgtrain.data.records import Record
from pgtrain.data.sources import read
from pgtrain.data.stats_rows import STATS, from_record
from pgtrain.errors import DataInvalid, DataNotFound
from pokegan.errors import PokeganError


def folder_with(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "a.png").write_bytes(b"not looked at here")
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


GOOD = json.dumps({"file_name": "a.png", "name": "Ava", "types": ["fire", "flying"], "color": "red"})


def test_reads_fields_and_leaves_out_what_is_absent(tmp_path: Path) -> None:
    records = read(folder_with(tmp_path, GOOD, "", json.dumps({"name": "Unseen", "habitat": None}))).records
    assert records[0] == Record("Ava", tmp_path / "a.png", ("fire", "flying"), "red")
    assert records[1] == Record("Unseen")


def test_record_without_a_name_takes_the_file_name(tmp_path: Path) -> None:
    assert read(folder_with(tmp_path, '{"file_name": "a.png"}')).records[0].name == "a"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "line 2: not valid JSON"),
        ("[1]", "line 2: expected a JSON object"),
        ('{"types": "fire", "name": "B"}', "line 2: types"),
        ('{"name": 3}', "line 2: name"),
        ("{}", "line 2: a record needs"),
        ('{"file_name": "gone.png"}', "gone.png is not in"),
    ],
)
def test_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(PokeganError, match=message):
        read(folder_with(tmp_path, GOOD, line))


def test_missing_folder_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match=r"metadata\.jsonl"):
        read(tmp_path / "none")
    with pytest.raises(DataInvalid, match="nothing to train on"):
        read(folder_with(tmp_path, '{"name": "A"}'))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_rejected_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "metadata.jsonl").write_bytes(content)
    with pytest.raises(PokeganError) as refused:
        read(folder)
    assert "\n" not in refused.value.message


def test_digest_is_that_of_older_runs_and_covers_the_background(tmp_path: Path) -> None:
    collection = read(folder_with(tmp_path, GOOD))
    content = (tmp_path / "metadata.jsonl").read_bytes() + (tmp_path / "a.png").read_bytes()
    assert collection.digest() == hashlib.sha256(content).hexdigest()
    assert collection.digest("remove") != collection.digest("keep") == collection.digest()


def test_captions_cover_name_attributes_and_sentences() -> None:
    record = Record(
        "Charizard", None, ("fire", "flying"), "red", "upright", "Flame Pokémon", "It flies. It burns. A. B. C."
    )
    composed = captions(record)
    texts = [caption.text for caption in composed]
    assert texts[0] == "Charizard"
    assert "a red fire and flying flame" in texts
    assert "It flies." in texts
    assert "C." not in texts
    assert sum(caption.weight for caption in composed) == pytest.approx(1)


@given(
    st.builds(
        Record,
        st.text(min_size=1),
        st.none(),
        st.lists(st.text(min_size=1)).map(tuple),
        *([st.text()] * 5),
    )
)
def test_every_record_has_its_name_as_first_caption(record: Record) -> None:
    composed = captions(record)
    assert composed[0].text == record.name
    assert all(caption.weight > 0 and caption.text for caption in composed)


def test_real_data_set(pokemon: Path) -> None:
    records = read(pokemon).records
    assert len(records) == 1177
    assert sum(record.image is not None for record in records) == 1049


def test_half_a_surrogate_pair_is_replaced() -> None:
    record = Record("a\ud800 b", text="\ude00", texts=("\U0001f600", "c\udfff"))
    assert (record.name, record.text, record.texts) == ("a\ufffd b", "\ufffd", ("\U0001f600", "c\ufffd"))
    assert from_record({"name": "\ud800", "stats": dict.fromkeys(STATS, 9), "types": ["fire"]}).name == "\ufffd"
