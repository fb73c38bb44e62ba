"""Errors speak of the library; the options that fix them are hints of the command line."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from pgen.bundle.engines import EngineOptions
from pgen.cli import HINTS, main
from pgen.errors import EngineOutdated
from pokegan.errors import PokeganError

ROOT = Path(__file__).parents[2]
COMMAND_LINES = ("main.py", "cli.py", "commands.py", "options.py", "train_feature_network.py")
CALLERS = ("sampler.py", "warm_start.py")
"""Modules that run another program of this project, with options."""

OF_OTHER_PROGRAMS = {"--prefix", "--num-gpus", "--force-reinstall", "--query-gpu", "--format", "--error-unmatch"}


def error_classes(base: type[PokeganError] = PokeganError) -> Iterator[type[PokeganError]]:
    yield base
    for subclass in base.__subclasses__():
        yield from error_classes(subclass)


def test_every_hint_belongs_to_an_error() -> None:
    import_module("pgen.errors")  # the command line does without until an error occurs
    assert set(HINTS) <= {error.code for error in error_classes()}


def texts(path: Path) -> Iterator[str]:
    """List the texts of a module, without docstrings and the helps of a recipe's options."""
    tree = ast.parse(path.read_text("utf-8"))
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "option":
            left_out.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in left_out:
            yield node.value


def library() -> list[Path]:
    packages = ("runtime/pgen", "runtime/pgbench", "training/pgtrain", "export/pgexport")
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return [path for path in paths if not {"commands", *COMMAND_LINES, *CALLERS}.intersection(path.parts)]


def test_library_texts_name_no_options() -> None:
    paths = library()
    assert len(paths) > 180
    options = {
        f"{path.name}: {text}"
        for path in paths
        for text in texts(path)
        if set(re.findall(r"(?<!\w)--[a-z][a-z-]+", text)) - OF_OTHER_PROGRAMS
    }
    assert options == set()


def test_errors_name_no_other_program() -> None:
    """A remedy is an action; hints name the command."""
    programs = {
        f"{path.name}: {text}"
        for path in library()
        for statement in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(statement, ast.Raise)
        for text in (str(node.value) for node in ast.walk(statement) if isinstance(node, ast.Constant))
        if re.search(r"\bpg(train|export|bench)\b", text)
    }
    assert programs == set()


def test_engine_errors_name_the_command() -> None:
    for code in ("engine_not_found", "engine_outdated"):
        hint = HINTS[code]
        assert callable(hint)
        error = EngineOutdated("stackgan.plan: damaged", Path("my bundle"), EngineOptions((1, 2, 3), workspace=64))
        assert hint(error) == "pgexport 'my bundle' --tensorrt --batches 1,2,3 --workspace 64"


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
        ("image mew --out .", "Error: .: is a folder; name a file in it (--out-dir writes into a folder)\n"),
        ("morph mew abra --out .", "Error: .: is a folder; name a file in it\n"),  # it has no --out-dir
    ],
)
def test_command_line_adds_the_hint(call: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, call.split())
    assert done.exit_code == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("morph Charizard", 'END is missing: write two names or sentences, such as "Charizard" "Blastoise"'),
        ("morph", "START and END are missing: write two names"),
        ("image --file /dev/null", "/dev/null: contains no prompt; write one a line"),
        ("image -", "stdin: contains no prompt; write one a line"),
        ("image Mew --size 256x256", "'256x256' is not a number; write one side, such as 256"),
        ("image Mew --size 4", "4 is not in the range 8<=x<=4096"),
        ("image Mew --seed abc", "'abc' is not a number; write a number, or random"),
        ("image Mew --batch huge", "'huge' is not a number; write a number, or auto"),
        ("imgae Mew", "No such command 'imgae'. Did you mean 'image'?"),
        ("image -5", "No such option '-5'. Write -- before an argument that begins with -"),
        ("image Mew --colors=", "it is empty; write a name or a sentence, or leave the option out"),
        ("image Mew --out none/a.png", "none: no such folder; create it first"),
    ],
)
def test_wrong_call_names_the_fault_and_the_remedy(
    call: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, call.split(), input="")
    assert done.exit_code == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_failed_job_leaves_no_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "old").mkdir()
    for folder in ("new", "old"):
        for options in (["--bundle", "none"], ["--executor", "ray"]):
            done = CliRunner().invoke(main, ["image", "Mew", "--out-dir", folder, *options])
            assert done.exit_code == 2, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_resumed_job_says_that_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["image", "Mew", "--device", "cpu", "--resume"]
    assert CliRunner().invoke(main, call).stderr == ""
    assert CliRunner().invoke(main, call).output == "all files were finished; nothing was left to do\n"
    assert CliRunner().invoke(main, [*call, "--quiet"]).output == ""


def test_reproduce_keeps_the_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["image", "Mew", "--device", "cpu", "--out", "a.jpg"]).exit_code == 0
    assert CliRunner().invoke(main, ["reproduce", "a.jpg", "--device", "cpu"]).stdout == "a.again.jpg\n"
