"""Spellings of names, hints for misspelled ones, and notes on prompts that the encoder cannot read."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.bundle.names import NameIndex, fold
from pgen.cli import main
from pgen.text_encoder import TextEncoder


def wide(text: str) -> str:
    """Write a text in full-width letters."""
    return "".join(letter if letter == " " else chr(ord(letter) + 0xFEE0) for letter in text)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder(pgen.open_bundle(), "cpu", 1)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("CHARIZARD", "Charizard"),
        (wide("CHARIZARD"), "Charizard"),
        ("flabebe", "Flabébé"),
        ("Flabe\u0301be\u0301", "Flabébé"),
        ("farfetch'd", "Farfetch\u2019d"),
        ("Farfetchd", "Farfetch\u2019d"),
        ("nidoran female", "Nidoran♀"),
        ("Nidoran-M", "Nidoran♂"),
        ("mr mime", "Mr. Mime"),
        ("ho oh", "Ho-Oh"),
        ("Charizard Mega X", "Mega Charizard X"),
        ("deoxys attack", "Deoxys (attack)"),
    ],
)
def test_name_is_found_in_every_spelling(encoder: TextEncoder, spelling: str, name: str) -> None:
    index = encoder.bundle.name_index.find(spelling)
    assert index is not None
    assert encoder.bundle.names[index] == name
    stored = encoder.stored(spelling)
    assert stored is not None
    assert np.array_equal(stored, encoder.bundle.stored_embeddings[encoder.bundle.names.index(name)])


def test_names_of_the_bundle_stay_distinct(encoder: TextEncoder) -> None:
    assert len({fold(name) for name in encoder.bundle.names}) == len(encoder.bundle.names)
    assert NameIndex(["a", "A"]).find(wide("A")) == 0


@pytest.mark.parametrize(
    ("prompt", "note"),
    [
        ("Charzard", "did you mean Charizard?"),
        ("picachu", "did you mean Pikachu?"),
        ("bulbasor", "did you mean Bulbasaur?"),
        ("🐉🐉", "most of it is unknown"),
        ("дракон", "most of it is unknown"),
        ("リザードン", "most of it is unknown"),
        ("dragon", ""),
        ("a red fire dragon", ""),
        ("un dragón rojo", ""),
        ("🐉 a red dragon", ""),
        ("Mew", ""),
    ],
)
def test_prompt_gets_the_note_that_it_needs(encoder: TextEncoder, prompt: str, note: str) -> None:
    encoder([prompt])
    assert encoder.notes.get(prompt, "").startswith(note)
    assert (prompt in encoder.notes) == bool(note)


def test_wide_letters_are_read_as_plain_ones(encoder: TextEncoder) -> None:
    assert encoder.tokens([wide("a red egg")]) == encoder.tokens(["a red egg"])


def test_note_is_printed_once_and_is_in_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["image", "Charzard", "-n", "2", "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert done.stderr == "prompt 'Charzard': did you mean Charizard?\n"
    assert [json.loads(line)["note"] for line in done.stdout.splitlines()] == ["did you mean Charizard?"] * 2
    assert CliRunner().invoke(main, ["image", "Charzard", "--quiet", "--device", "cpu"]).stderr == ""
