import json
from pathlib import Path

import pgen.dex
from pgtrain.data import sources
from pgtrain.data.lexicon import as_json, learn
from pgtrain.data.records import Record

LEARNED = Path(pgen.dex.__file__).parent / "learned.json"


def test_committed_lexicon_equals_that_of_the_data(pokemon: Path) -> None:
    assert LEARNED.read_text("utf-8") == as_json(learn(sources.read(pokemon).records))


def test_names_become_counts_of_letters() -> None:
    records = [
        Record("Aba", types=("fire",), color="red", shape="ball"),
        Record("Mega Aba", types=("fire", "ice"), color="blue", shape="wings"),
        Record("Abo (small)", types=("ice",), color="", shape=""),
        Record("Two Words", types=("ice",)),
    ]
    learned = learn(records)
    assert learned["letters"]["^^^"] == {"a": 2}
    assert learned["letters"]["^ab"] == {"a": 1, "o": 1}
    assert learned["colors"] == {"fire": {"blue": 1, "red": 1}}
    assert learned["shapes"] == {"fire": {"ball": 1, "wings": 1}, "ice": {"wings": 1}}
    assert learned["known"] == ["aba", "abo", "twowords"]
    assert json.loads(as_json(learned)) == learned
