"""Language models that write evolution lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from pgen.dex.entry import TEMPLATES
from tests.conftest import Command
from tests.runtime.dex.language_model import DRAFT, DRAFTED, GOOD, KNOWN, ROW, Server, says, writer_of

LINE = {
    "stages": [
        {"name": "Emberlo", "genus": "Kiln", "description": "It bakes its own clay, to be an Emberdusk one day."},
        {"name": "Emberdusk", "genus": "Kiln", "description": "It was an Emberlo before the fires of its first dusk."},
    ]
}


def test_words_of_a_line_come_in_one_answer(server: Server) -> None:
    server.answer = says(LINE)
    warned: list[str] = []
    first, last = writer_of(server.url, warned)([DRAFT, DRAFT], KNOWN, ())
    assert warned == []
    assert (first.name, last.name, last.genus, last.author) == ("Emberlo", "Emberdusk", "Kiln Pokémon", "some")
    (sent,) = server.bodies
    assert sent["max_tokens"] == 1000
    assert "same 4 letters" in sent["messages"][0]["content"]
    assert [stage["total"] for stage in json.loads(sent["messages"][1]["content"])["stages"]] == [ROW.total] * 2


def changed(**fields: str) -> dict[str, Any]:
    """Return LINE with other fields of its last stage."""
    return {"stages": [LINE["stages"][0], LINE["stages"][1] | fields]}


REJECTED_LINES = {
    "one": (GOOD, "its answer has no list of 2 stages"),
    "three": ({"stages": LINE["stages"] * 2}, "its answer has no list of 2 stages"),
    "texts": ({"stages": ["Emberlo", "Emberdusk"]}, "its answer has no list of 2 stages"),
    "stem": (changed(name="Duskember"), "its names do not begin with the same 4 letters"),
    "twins": (changed(name="EMBERLO"), "it gives one name to several stages"),
    "alone": (changed(description="It glows in the dark, an Emberdusk."), "one of its descriptions names no other"),
    "part": (changed(description="It glows in the dark, an Emberloo."), "one of its descriptions names no other"),
    "bad stage": (changed(name="Charizard"), "its name exists"),
}


@pytest.mark.parametrize("case", REJECTED_LINES)
def test_invalid_answer_about_a_line_leaves_all_of_it_to_the_templates(server: Server, case: str) -> None:
    value, expected = REJECTED_LINES[case]
    server.answer = says(value)
    warned: list[str] = []
    assert writer_of(server.url, warned)([DRAFT, DRAFT], KNOWN, ()) == [DRAFTED, DRAFTED]
    assert len(warned) == 1
    assert warned[0].startswith(f"{server.url}: {expected}"), warned
    assert warned[0].endswith("; names and texts of seed 7 come from templates")


def test_command_writes_lines_by_the_endpoint_or_by_the_templates(
    command: Command, server: Server, tmp_path: Path
) -> None:
    server.answer = says(LINE)
    common = ("pgen", "dex", "--family", 2, "--llm", server.url, "--device", "cpu", "--out", tmp_path)
    done = command(*common, "-n", 2, "--seed", 3)
    assert done.returncode == 0
    assert done.stderr == (
        f"{server.url}: its name is that of another entry; names and texts of seed 4 come from templates\n"
    )
    listed = json.loads((tmp_path / "dex.json").read_text("utf-8"))["pokemon"]
    assert [entry["words_by"] for entry in listed] == ["first", "first", TEMPLATES, TEMPLATES]
    assert [entry["name"] for entry in listed[:2]] == listed[0]["family"] == ["Emberlo", "Emberdusk"]
    assert [entry["name"] for entry in listed[2:]] == listed[2]["family"]
    assert "Emberdusk" in listed[0]["description"]
    assert (tmp_path / "family_emberdusk_3.png").exists()
    assert len(server.bodies) == 2, "one request a line"
