import html.parser
import json
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import pgen
from pgen.api import Generator
from pgen.cli import main
from pgen.dex.card import SIZE, draw_card, drawable
from pgen.dex.colors import TYPES, text_color
from pgen.dex.entry import Draft, Entry, EntryGenerator, Words
from pgen.dex.job import names_of_others, write_dex
from pgen.dex.page import render_page
from pgen.dex.templates import Appearance, describe, genus, highest, lowest, phrases, prompt_for
from pgen.errors import BundleInvalid, DexInvalid
from pgen.lexicon import (
    LONGEST,
    SHORTEST,
    UNPRONOUNCEABLE,
    KnownNames,
    is_rude_name,
    is_rude_text,
    load_lexicon,
)
from pgen.request import Request
from pgen.rng import Rng, Stream
from pgen.stats.rows import Row, RowFilter
from pokegan.names import plain
from tests.conftest import Command

LEXICON = load_lexicon()
KNOWN = KnownNames(LEXICON.known)
STATS = ("hp", "attack", "defense", "special_attack", "special_defense", "speed")
SEEDS = st.integers(0, 2**64 - 1)
ROWS = st.builds(
    Row,
    SEEDS,
    st.lists(st.integers(1, 255), min_size=6, max_size=6).map(lambda values: dict(zip(STATS, values, strict=True))),
    st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=2, unique=True).map(tuple),
    st.sampled_from(["ordinary", "legendary", "mythical", "baby"]),
)
APPEARANCES = st.builds(Appearance, st.sampled_from(["red", "gray"]), st.sampled_from(sorted(phrases()["shapes"])))
SPEEDY = Row(7, dict(zip(STATS, (60, 70, 45, 80, 75, 140), strict=True)), ("fire", "flying"), "ordinary")


def an_entry(**words: str) -> Entry:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[8:24, 8:24] = (220, 60, 40, 255)
    words = {"name": "Cindrop", "genus": "Cinder Racer Pokémon", "description": "It runs. It glows."} | words
    request = Request("a red fire and flying Pokémon, wings", SPEEDY.seed)
    return Entry(Words(**words), SPEEDY, Appearance("red", "wings"), request, pixels, "ab" * 32)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=2, unique=True))
def test_names_are_new_and_pronounceable(seed: int, types: list[str]) -> None:
    name = LEXICON.name(Rng(seed, Stream.NAME), types, KNOWN)
    assert name == LEXICON.name(Rng(seed, Stream.NAME), types, KNOWN)
    assert name not in KNOWN
    assert SHORTEST <= len(name) <= LONGEST
    assert re.fullmatch("[A-Z][a-z]+", name)
    assert not UNPRONOUNCEABLE.search(name.lower())
    assert not is_rude_name(name)


@pytest.mark.parametrize("name", ["Charizard", "CHARIZARD", "charizrd", "charizards", "mrmime", "charizarda", "onixor"])
def test_known_names_resemble_their_variants(name: str) -> None:
    assert KnownNames(["Charizard", "Mr. Mime", "Onixo"]).resemble(plain(name))


def test_names_differ_from_names_of_the_bundle() -> None:
    given_name = LEXICON.name(Rng(0, Stream.NAME), ["fire"], KNOWN)
    other = LEXICON.name(Rng(0, Stream.NAME), ["fire"], KnownNames([*LEXICON.known, given_name]))
    assert other != given_name


def test_names_suit_types() -> None:
    def fiery(kind: str) -> float:
        names = [LEXICON.name(Rng(seed, Stream.NAME), [kind], KNOWN).lower() for seed in range(25)]
        pieces = [f"^{name}$"[at : at + 3] for name in names for at in range(len(name))]
        return sum(LEXICON.flavors["fire"].get(piece, 0) for piece in pieces) / len(pieces)

    assert fiery("fire") > 2 * fiery("water")


def test_deny_list_matches_words_of_texts_and_parts_of_names() -> None:
    assert not is_rude_text("It eats grapes with a peacock in drapes.")
    assert is_rude_text("What a Shit, it says.")
    assert is_rude_name("Shitor")


@given(ROWS, APPEARANCES)
def test_descriptions_match_the_stats(row: Row, appearance: Appearance) -> None:
    templates = phrases()
    text = describe("Cindrop", row, appearance, Rng(row.seed, Stream.TEXT))
    assert text == describe("Cindrop", row, appearance, Rng(row.seed, Stream.TEXT))
    assert 60 <= len(text) <= 400
    assert "{" not in text
    assert "Cindrop" in text
    assert appearance.color in text
    best, worst = highest(row), lowest(row)
    for name in STATS:
        of_it = [sentence for kind in ("high", "extreme") for sentence in templates[kind][name]]
        assert any(sentence in text for sentence in of_it) == (name == best)
        assert not any(sentence in text for sentence in templates["low"][name]) or name == worst
    assert any(sentence in text for sentence in templates["lore"].get(row.rarity, [""]))
    assert any(text.count(act) for act in templates["types"][row.types[-1]]["acts"])
    assert any(matter in text for matter in templates["types"][row.types[0]]["matter"])
    words = genus(row, Rng(row.seed, Stream.TEXT))
    assert words.endswith(" Pokémon")
    assert any(words.startswith(first) for first in templates["types"][row.types[0]]["genus"])


def test_prompts_have_the_form_of_captions(small_data: Path) -> None:
    from pgtrain.data.captions import captions
    from pgtrain.data.records import Record

    record = Record("Cindrop", types=("fire", "flying"), color="red", shape="bug-wings")
    assert prompt_for(SPEEDY, Appearance("red", "bug-wings")) in [caption.text for caption in captions(record)]


def test_templates_share_no_text_with_the_data(pokemon: Path) -> None:
    records = [json.loads(line) for line in (pokemon / "metadata.jsonl").read_text("utf-8").splitlines()]
    theirs = {run for record in records for run in runs_of(record["description"] or "")}
    ours = {run for sentence in strings(phrases()) for run in runs_of(sentence)}
    assert len(ours) > 500
    assert not ours & theirs
    templates = phrases()
    roles = [role for table in ("roles", "rarities") for roles in templates[table].values() for role in roles]
    genera = {
        f"{first} {role} Pokémon" for kind in templates["types"].values() for first in kind["genus"] for role in roles
    }
    assert not genera & {record["genus"] for record in records}


def runs_of(text: str, length: int = 6) -> list[str]:
    words = re.findall("[a-z']+", text.lower())
    return [" ".join(words[start : start + length]) for start in range(len(words) - length + 1)]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def test_templates_cover_every_type_stat_and_shape(full_bundle: Path) -> None:
    model = pgen.load(full_bundle).bundle.model("stats")
    templates = phrases()
    assert set(templates["types"]) == set(TYPES) == set(model.settings["type_names"])
    for table in ("high", "extreme", "low"):
        assert set(templates[table]) == set(model.settings["stat_names"])
    assert set(LEXICON.colors) == set(LEXICON.shapes) == set(TYPES)
    assert {shape for shapes in LEXICON.shapes.values() for shape in shapes} == set(templates["shapes"])


@pytest.fixture(scope="module")
def generator(full_bundle: Path) -> Generator:
    return pgen.load(full_bundle)


def test_entry_depends_only_on_its_seed(generator: Generator) -> None:
    together = generator.dex(3, seed=20, type="fire", legendary=True)
    alone = generator.dex(1, seed=22, type="fire", legendary=True)[0]
    assert [entry.row.seed for entry in together] == [20, 21, 22]
    assert together[2].described() == alone.described()
    assert np.array_equal(together[2].pixels, alone.pixels)
    assert "fire" in alone.row.types
    assert alone.row.rarity == "legendary"


def test_picture_equals_that_of_images(generator: Generator) -> None:
    entry = generator.dex(1, seed=4)[0]
    assert np.array_equal(entry.pixels, generator.draw_batch([entry.request])[0])
    assert entry.request.seed == 4


def test_types_without_templates_are_rejected(generator: Generator) -> None:
    model = generator.bundle.model("stats")
    unknown = replace(model, settings=model.settings | {"type_names": ["sound", *model.settings["type_names"][1:]]})
    bundle = SimpleNamespace(folder="else", known_names={}, model=lambda kind: unknown)
    with pytest.raises(BundleInvalid, match="no templates for sound"):
        EntryGenerator(SimpleNamespace(bundle=bundle, model=None)).entries(1, 0, RowFilter())  # type: ignore[arg-type]


def test_cards_have_one_size() -> None:
    image = draw_card(an_entry())
    assert (image.size, image.mode) == (SIZE, "RGBA")
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert image.getpixel((500, 415)) == (220, 60, 40, 255)


def test_card_fits_the_longest_words() -> None:
    longest = an_entry(name="W" * 12, genus="M" * 30, description=" ".join(["m" * 24] * 16))
    inside, edge = np.array(draw_card(longest).convert("RGB")), np.array(draw_card(an_entry()).convert("RGB"))
    right = slice(SIZE[0] - 60, SIZE[0] - 40)
    assert np.array_equal(inside[:, right], edge[:, right]), "nothing runs into the frame"


def test_card_draws_or_drops_accents() -> None:
    assert drawable("Pokémon—à") == "Pokémon-a"
    assert drawable("火 \0") == " "
    with_accent, without = (np.array(draw_card(an_entry(genus=f"Pok{e}mon"))) for e in "ée")
    assert not np.array_equal(with_accent, without)


@given(st.sampled_from(sorted(TYPES)))
def test_text_has_contrast_on_every_type_color(kind: str) -> None:
    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    one, other = sorted((light(TYPES[kind]), light(text_color(TYPES[kind]))))
    assert (other + 0.05) / (one + 0.05) >= 4.5


class Reader(html.parser.HTMLParser):
    """Collects a page's tags, addresses and texts, and checks that tags close in order."""

    VOID = ("meta", "img", "path", "polygon")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(st.text(max_size=40))
@example('<script>alert("x")</script>')
@example("$name ${description} $$ & &amp;")
def test_pages_are_self_contained_and_escaped(text: str) -> None:
    reader = Reader()
    reader.feed(render_page(an_entry(name=text, genus=text, description=text, author=text)))
    assert reader.open == []
    assert "script" not in reader.tags
    assert len(reader.addresses) == 1
    assert reader.addresses[0].startswith("data:image/png;base64,")
    assert reader.texts.count(text) >= 2 or not text.strip() or "\r" in text or "\0" in text


def test_names_of_a_dex_do_not_repeat_whether_made_at_once_or_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = pgen.load(device="cpu")
    monkeypatch.setattr(generator, "draw_batch", lambda requests: np.zeros((1, 8, 8, 4), np.uint8))
    maker = EntryGenerator(generator)
    fire = RowFilter(("fire",))
    once = list(maker.entries(300, 0, fire))
    names = [entry.words.name for entry in once]
    assert len({*names}) == 300
    plainly = [maker.words(entry.row, entry.appearance).name for entry in once]
    repeated = [index for index, name in enumerate(plainly) if name in plainly[:index]]
    assert repeated, "else nothing is tested"
    assert {index for index in range(300) if names[index] != plainly[index]} <= {*repeated}
    parts = list(maker.entries(100, 0, fire))
    parts += maker.entries(200, 100, fire, taken=[entry.words.name for entry in parts])
    assert parts == once


def test_writer_is_given_the_names_before() -> None:
    given = []

    def writer(drafts: Sequence[Draft], _: object, taken: Container[str]) -> list[Words]:
        given.append("sparklet" in taken)
        return [replace(drafts[0].words, name="Sparklet", author="model")]

    first, _ = EntryGenerator(pgen.load(device="cpu")).entries(2, 0, RowFilter(), writer)
    assert (first.words.name, first.words.author) == ("Sparklet", "model")
    assert given == [False, True]


def test_names_in_a_folder_are_taken_but_for_those_of_the_same_seeds(tmp_path: Path) -> None:
    list(write_dex([an_entry(name="Cindrop")], tmp_path))
    assert names_of_others(tmp_path, range(7)) == {"Cindrop"}
    assert names_of_others(tmp_path, range(7, 8)) == set()
    assert names_of_others(tmp_path, range(7, 8), stages=3) == {"Cindrop"}


def test_dex_json_keeps_earlier_entries(tmp_path: Path) -> None:
    list(write_dex([an_entry()], tmp_path))
    other = replace(an_entry(name="Brookel"), row=replace(SPEEDY, seed=8))
    (first,) = write_dex([other], tmp_path)
    list(write_dex([an_entry()], tmp_path))
    listed = json.loads((tmp_path / "dex.json").read_text("utf-8"))["pokemon"]
    assert [entry["name"] for entry in listed] == ["Cindrop", "Brookel"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("cindrop_7.png", "cindrop_7.html", "brookel_8.png", "brookel_8.html", "dex.json")
    }
    with Image.open(first.file) as image:
        assert json.loads(image.text["dex"])["name"] == "Brookel"  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"pokemon": [1]}', '{"pokemon": [{}]}', "[" * 100_000])
def test_invalid_dex_json_is_rejected_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "dex.json").write_text(content)
    with pytest.raises(DexInvalid, match=re.escape(f"{tmp_path / 'dex.json'}: is not a dex.json of pgen")):
        list(write_dex([an_entry()], tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["dex.json"]
    assert (tmp_path / "dex.json").read_text() == content


def test_interrupt_keeps_finished_cards(tmp_path: Path) -> None:
    def entries() -> Iterator[Entry]:
        yield an_entry()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(write_dex(entries(), tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cindrop_7.html", "cindrop_7.png", "dex.json"]
    assert len(json.loads((tmp_path / "dex.json").read_text())["pokemon"]) == 1


def test_command_writes_cards(command: Command, full_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "dex"
    done = command("pgen", "dex", "--bundle", full_bundle, "-n", 2, "--type", "fire", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["name"] for entry in entries] == [entry.words.name for entry in generator.dex(2, type="fire")]
    assert {path.name for path in out.iterdir()} == {"dex.json"} | {
        Path(entry[key]).name for entry in entries for key in ("file", "page")
    }
    refused = command("pgen", "dex", "--bundle", full_bundle, "--total", 3, "--out", tmp_path / "none")
    assert (refused.returncode, refused.stderr.count("\n"), refused.stdout) == (2, 1, "")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arguments=st.fixed_dictionaries(
        {},
        optional={
            "-n": st.integers(-1, 2).map(str),
            "--seed": st.integers(-1, 2**65).map(str),
            "--type": st.sampled_from(["fire", "ice"]) | st.text(max_size=8),
            "--total": st.integers(-10, 2000).map(str),
            "--rarity": st.sampled_from(["baby", "mythical"]) | st.text(max_size=8),
            "--llm": st.text(max_size=12),
            "--llm-model": st.text(max_size=3),
        },
    ),
)
def test_any_options_write_cards_or_fail_in_one_line(
    full_bundle: Path, tmp_path_factory: pytest.TempPathFactory, arguments: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz") / "dex"
    options = [f"{key}={value}" if key.startswith("--") else f"{key}{value}" for key, value in arguments.items()]
    command = ["dex", "--bundle", str(full_bundle), "--out", str(folder), "--quiet", *options]
    done = CliRunner().invoke(main, command, prog_name="pgen")
    files = sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []
    if done.exit_code == 0:
        n = int(arguments.get("-n", 1))
        assert files == [".html"] * n + [".json"] + [".png"] * n
    else:
        assert done.exit_code == 2, (done.exception, done.output)
        assert done.output.startswith("Error: ")
        assert done.output.count("\n") == 1
        assert files == []
