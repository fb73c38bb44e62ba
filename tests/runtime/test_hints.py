"""Errors speak of the library; the options that fix them are hints of the command line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pgen.cli import HINTS, main
from pokegan.errors import PokeganError

ROOT = Path(__file__).parents[2]
COMMAND_LINES = ("cli.py", "commands.py", "options.py", "train_feature_network.py")
OF_OTHER_PROGRAMS = ("--num-gpus",)


def error_classes(base: type[PokeganError] = PokeganError) -> Iterator[type[PokeganError]]:
    yield base
    for subclass in base.__subclasses__():
        yield from error_classes(subclass)


def test_every_hint_belongs_to_an_error() -> None:
    assert set(HINTS) <= {error.code for error in error_classes()}


def raised_texts(path: Path) -> Iterator[str]:
    for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.Raise):
            yield from (
                node.value
                for node in ast.walk(statement)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )


def test_library_messages_name_no_options() -> None:
    packages = (ROOT / "runtime" / "pgen", ROOT / "training" / "pgtrain", ROOT / "export" / "pgexport")
    paths = [path for package in packages for path in package.rglob("*.py")]
    library = [path for path in paths if not {"commands", *COMMAND_LINES}.intersection(path.parts)]
    assert len(library) > 150
    options = {
        f"{path.name}: {text}"
        for path in library
        for text in raised_texts(path)
        if set(re.findall(r"(?<!\w)--[a-z][a-z-]+", text)) - set(OF_OTHER_PROGRAMS)
    }
    assert options == set()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("image", "Error: no prompt is given (write a name or a sentence as PROMPT"),
        (
            "image mew -n 2 --out a.png",
            "fit into one file; write a grid, or into a folder (add --grid, or use --out-dir",
        ),
        ("image mew --seeds 1-3 --seed 4", "or a first seed (use either --seeds, or -n and --seed)"),
        ("morph mew mew", "choose another prompt or seed for one (--to-seed sets the other seed)"),
    ],
)
def test_command_line_adds_the_hint(call: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, call.split())
    assert done.exit_code == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
