"""Spellings of names, hints for misspelled ones, and notes on prompts that the encoder cannot read."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.bundle.names import NameIndex, fold, read_translations
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
        ("Charizard Gigantamax", "Charizard"),
        ("Rillaboom Gmax", "Gigantamax Rillaboom"),
        ("Mega Glurak X", "Charizard"),
        ("Porygon 2", "Porygon2"),
        ("porygon z", "Porygon-Z"),
        ("mew two", "Mewtwo"),
        ("MrMime", "Mr. Mime"),
        ("nidoranF", "Nidoran♀"),
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
        ("Nidoran", "did you mean Nidoran♀ or Nidoran♂?"),
        ("🐉🐉", "most of it is unknown"),
        ("дракон", "most of it is unknown"),
        ("赤い竜", "most of it is unknown"),
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


LANGUAGES = {
    "ja-Hrkt": ("リザードン", "ニドラン♀", "バリコオル", "レイスポス", "ラブトロス"),
    "roomaji": ("Lizardon", "Nidoran♀", "Barrikohru", "Wraithpos", "Lovetolos"),
    "ko": ("리자몽", "니드런♀", "마임꽁꽁", "레이스포스", "러브로스"),
    "zh-Hant": ("噴火龍", "尼多蘭", "踏冰人偶", "靈幽馬", "眷戀雲"),
    "fr": ("Dracaufeu", "Nidoran♀", "M. Glaquette", "Spectreval", "Amovénus"),
    "de": ("Glurak", "Nidoran♀", "Pantifrost", "Phantoross", "Cupidos"),
    "es": ("Charizard", "Nidoran♀", "Mr. Rime", "Spectrier", "Enamorus"),
    "it": ("Charizard", "Nidoran♀", "Mr. Rime", "Spectrier", "Enamorus"),
    "en": ("Charizard", "Nidoran♀", "Mr. Rime", "Spectrier", "Enamorus"),
    "ja": ("リザードン", "ニドラン♀", "バリコオル", "レイスポス", "ラブトロス"),
    "zh-Hans": ("喷火龙", "尼多兰", "踏冰人偶", "灵幽马", "眷恋云"),
    "ru": ("Чаризард",),
}
"""Names of some species as PokeAPI's table pokemon_species_names.csv has them, and Russian ones, in one order."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_in_other_languages_are_known(encoder: TextEncoder, language: str) -> None:
    for name, english in zip(LANGUAGES[language], LANGUAGES["en"], strict=False):
        for spelling in (name, name.upper()):
            index = encoder.bundle.name_index.find(spelling)
            assert index is not None, name
            assert encoder.bundle.names[index] == english


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("Tipo Zero", "Type: Null"),
        ("Código Cero", "Type: Null"),
        ("grandizanne", "Great Tusk"),
        ("CAPOFERREO", "Iron Crown"),
    ],
)
def test_italian_and_spanish_names_are_known_where_they_are_not_english(
    encoder: TextEncoder, other: str, name: str
) -> None:
    index = encoder.bundle.name_index.find(other)
    assert index is not None
    assert encoder.bundle.names[index] == name


@pytest.mark.parametrize("word", ["Fire", "Ghost", "Crab", "Lantern", "Sleep", "cocoon"])
def test_japanese_names_that_are_english_words_stay_descriptions(encoder: TextEncoder, word: str) -> None:
    assert encoder.bundle.name_index.find(word) is None


def test_installed_translations_are_folded_and_of_known_names(encoder: TextEncoder) -> None:
    table = read_translations(files("pgen.bundle").joinpath("translations.tsv").read_text("utf-8"))
    assert len(table) > 7000
    assert all(fold(name) == name for name in table)
    assert all(encoder.bundle.name_index.find(english) is not None for english in {*table.values()})


def test_translations_are_read_from_any_table() -> None:
    table = read_translations("# comment\nRedball\trotball\tアカダマ\nBluewings\trotball\tblaufluegel\nElse\tsonst")
    index = NameIndex(["Redball", "Bluewings"], table)
    rows = [index.find(name) for name in ("Rotball", "アカダマ", "Blaufluegel", "redball", "sonst", "カダマ")]
    assert rows == [0, 0, 1, 0, None, None], "the first of two names has a translation of both"


def test_marks_of_other_scripts_make_other_letters() -> None:
    assert fold("ゴース") != fold("コース")
    assert fold("Pokémon") == fold("pokemon")
