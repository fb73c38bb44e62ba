"""The programs in benchmarks/: what of them can be tried without a GPU, a download or a clock."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from pgbench.processes.backends import TORCH
from tests.conftest import Command

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MAIN = 'if __name__ == "__main__":'


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module


def test_without_a_gpu_one_line_and_exit_code_2(program: Callable[[str], Any]) -> None:
    if program("gpu").missing() is None:
        pytest.skip("there is a GPU")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py")], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "run this on a machine with a CUDA GPU" in done.stderr


@pytest.mark.parametrize("engines", [False, True])
def test_every_command_of_the_gpu_run_is_one_that_exists(
    program: Callable[[str], Any], tmp_path: Path, engines: bool
) -> None:
    mains = {name: import_module(f"{name}.cli").main for name in ("pgtrain", "pgexport", "pgbench")}
    commands = list(program("gpu").steps(tmp_path, tmp_path, tmp_path, engines))
    exports = ["pgexport"] * (4 if engines else 2)
    assert [command[0] for command in commands] == ["pytest", *["pgtrain"] * 2, *exports, *["pgbench"] * 4]
    versus = {command[command.index("--vs") + 1] for command in commands if command[0] == "pgbench"}
    peers = {name for name in TORCH if name.startswith("torch-cuda")} | ({"engine"} if engines else set())
    assert all(peers < set(named.split(",")) for named in versus), "what is named must run"
    for name, *arguments in commands[1:]:
        parse(mains[name], name, arguments)


def parse(command: click.Command, name: str, arguments: list[str]) -> None:
    """Parse as click would, without running anything; bad options raise."""
    context = command.make_context(name, arguments)
    if isinstance(command, click.Group) and context._protected_args:
        found_name, subcommand, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert subcommand is not None
        parse(subcommand, found_name or "", rest)


def test_the_gpus_data_is_a_data_set(program: Callable[[str], Any], command: Command, tmp_path: Path) -> None:
    gpu = program("gpu")
    gpu.PICTURES = 4
    done = command("pgtrain", "data", "inspect", gpu.draw(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "4" in done.stdout


def ticking(*steps: float) -> Callable[[], float]:
    """A clock that moves on by these steps at every second reading, again and again."""
    now = 0.0

    def readings() -> Iterator[float]:
        nonlocal now
        while True:
            for step in steps:
                yield now
                now += step
                yield now

    stream = readings()
    return lambda: next(stream)


def test_a_regression_is_a_ratio_of_the_fastest(program: Callable[[str], Any]) -> None:
    check = program("regression").Check("a", lambda: None, lambda: None, usual=1, bound=2, rounds=3)
    # Work and yardstick in turn: 9, 4, then 3, 4, then 3, 1.
    assert check.ratio(ticking(9, 4, 3, 4, 3, 1)) == pytest.approx(3)


@pytest.mark.parametrize(("ratios", "tried"), [([1.0], 1), ([5.0, 1.0], 2), ([5.0, 5.0, 5.0, 1.0], 3)])
def test_one_good_try_is_enough(
    program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, ratios: list[float], tried: int
) -> None:
    regression = program("regression")
    left = iter(ratios)
    monkeypatch.setattr(regression.Check, "ratio", lambda self: next(left))
    tries = list(regression.Check("a", lambda: None, lambda: None, usual=1, bound=2).tries())
    assert len(tries) == tried


def test_contenders_take_turns_and_warm_up_is_not_counted(program: Callable[[str], Any]) -> None:
    rounds, order = program("rounds"), []

    def contender(name: str, *values: float) -> Callable[[], float]:
        left = iter(values)
        return lambda: order.append(name) or next(left)

    results = rounds.in_turn({"a": contender("a", 9, 4, 6), "b": contender("b", 9, 2, 1)}, rounds=2, warm_up=1)
    assert (order, results) == (["a", "b"] * 3, {"a": [4, 6], "b": [2, 1]})
    assert rounds.spread(rounds.ratios(results["a"], results["b"]), 1) == {"median": 4.0, "lowest": 2.0, "highest": 6.0}


def test_the_size_of_an_installation(program: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"123")
    assert program("install").size(tmp_path) == 8


def test_committed_results_can_be_drawn(program: Callable[[str], Any], tmp_path: Path) -> None:
    plots = program("plots")
    plots.RESULTS = tmp_path
    plots.draw("one", {"a": {"x": 1.0, "y": 20.0}, "b": {"x": 3.0}}, "a note")
    assert {path.name for path in tmp_path.iterdir()} == {"one.png"}


def test_every_figure_is_drawn_of_its_committed_result(program: Callable[[str], Any]) -> None:
    plots = program("plots")
    for name, panels in plots.FIGURES.items():
        path = BENCHMARKS / "results" / f"{name}.json"
        document = json.loads(path.read_text("utf-8"))
        assert plots.environment(document)["cpu"]
        for bars in panels(document).values():
            assert min(bars.values()) >= 0
            assert len(bars) > 1, f"{name}: one bar says nothing"
        assert (BENCHMARKS / "results" / f"{name}.png").is_file()
    assert [plots.label(value) for value in (0.81234, 34.86, 1911.9)] == ["0.812", "34.9", "1,912"]


def test_every_program_is_in_the_docs() -> None:
    page = (BENCHMARKS.parent / "docs" / "benchmarks.md").read_text("utf-8")
    for path in (*BENCHMARKS.glob("*.py"), *BENCHMARKS.glob("*/*.py")):
        name = path.relative_to(BENCHMARKS).as_posix()
        assert MAIN not in path.read_text("utf-8") or f"benchmarks/{name}" in page, name


def test_recipes_are_judged_as_the_readme_tells(
    program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipes, called = program("quality.recipes"), []
    monkeypatch.setattr(recipes.subprocess, "run", lambda command, **options: called.append(command))
    (tmp_path / "metrics.json").write_text("{}")
    recipes.judge(tmp_path, tmp_path)
    assert called[0][-2:] == ["--features", "artwork"]
    parse(import_module("pgtrain.cli").main, "pgtrain", called[0][3:])
