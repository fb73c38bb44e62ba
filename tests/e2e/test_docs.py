"""README and docs: tables match the results, examples run."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("index", "getting-started", "reference"))]


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
    assert readme.generated(page) == f"before\n<!-- table: training -->\n{readme.training()}\n<!-- end -->\nafter"


def test_every_table_is_on_a_page(readme: Any) -> None:
    text = "".join(path.read_text("utf-8") for path in readme.pages())
    assert {name for _, name, _ in readme.BLOCK.findall(text)} == set(readme.TABLES)


def test_readme_has_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    programs: dict[str, list[str]] = {"sh": ["bash", "-e"], "python": [sys.executable, "-"]}
    for kind, block in re.findall(r"^```(sh|python)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        done = subprocess.run(
            programs[kind],
            input=block,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), block
