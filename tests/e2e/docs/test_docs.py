"""README and docs: tables match the results, examples run."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command

ROOT = Path(__file__).parents[3]
NOT_RUN = {
    "cookbook": "test_cookbook.py runs all of it",
    "export": "below, in this process",
    "quality": "evaluates for minutes, with networks of 100 MB; tests/training/evaluation has the commands",
    "scale": "the example of pgbench.md, which runs",
    "serve": "a server that runs until it is stopped; tests/runtime/serve has it",
    "stackgan": "trains for hours; tests/training/systems has the commands, smaller",
    "training-log": "has no example",
    "web": "needs npm and a package registry; tests/export/targets has the command",
    "triton": "needs Docker; tests/export/targets has the rest",
}
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.stem not in NOT_RUN)]
WHOLE = ("README", "index", "getting-started", "reference")
"""Pages whose every example runs; of the others, the first."""


@pytest.fixture
def readme(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("readme")


def test_tables_match_the_committed_results(readme: Any) -> None:
    outdated = [
        path.name for path in readme.pages() if readme.generated(path.read_text("utf-8")) != path.read_text("utf-8")
    ]
    assert not outdated, "run `make readme`"


def test_a_changed_table_is_replaced(readme: Any) -> None:
    page = "before\n<!-- table: training -->\n| old |\n<!-- end -->\nafter"
    table = readme.TABLES["training"]()
    assert readme.generated(page) == f"before\n<!-- table: training -->\n{table}\n<!-- end -->\nafter"


def test_every_table_is_on_a_page(readme: Any) -> None:
    text = "".join(path.read_text("utf-8") for path in readme.pages())
    assert {name for _, name, _ in readme.BLOCK.findall(text)} == set(readme.TABLES)


def test_readme_has_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    for folder in ("runtime", "benchmarks"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    programs: dict[str, list[str]] = {"sh": ["bash", "-e"], "python": [sys.executable, "-"]}
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    examples = [(kind, block) for kind, block in blocks if not block.startswith(("pip ", "python -m pip "))]
    if page.stem in WHOLE:
        examples = [(kind, block) for kind, block in examples if kind in programs]
    assert examples[0][0] in programs, f"mark the first example as sh or python, or add {page.stem} to NOT_RUN"
    for kind, block in examples if page.stem in WHOLE else examples[:1]:
        done = subprocess.run(
            programs[kind],
            input=block,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            check=False,
        )
        assert done.returncode == 0, f"{block}{done.stderr}"
        if page.stem in WHOLE:
            assert done.stderr == "", block


def test_example_of_export_runs(inside: Command, quick_exports: None, tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(tiny_run)
    text = (ROOT / "docs" / "export.md").read_text("utf-8")
    calls = [shlex.split(line, comments=True) for line in text.partition("```sh\n")[2].partition("```")[0].splitlines()]
    assert [call[:2] for call in calls] == [["pgexport", "runs/mine"], ["pgexport", "verify"]]
    for name, *arguments in calls:
        done = inside(name, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
