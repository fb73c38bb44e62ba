"""Runs at a glance, in the terminal; without PyTorch."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pgtrain.engine.run import CONFIG, Run
from pgtrain.errors import RunNotFound
from pgtrain.evaluation.tables import table as table_of


def list_runs(folder: Path) -> None:
    """Print one line a run in `folder`, newest first.

    Raises:
        RunNotFound: `folder` is missing, or holds no run.
    """
    configs = sorted(folder.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not configs:
        raise RunNotFound(f"{folder}: no runs in it; make one with pgtrain, or name another folder")
    table = Table("run", "system", "epochs", "phase", "examples", "seed")
    for path in configs:
        run = Run(path.parent)
        described, metrics = run.described(), run.metrics()
        epoch, phase = (str(metrics[-1]["epoch"]), metrics[-1]["phase"]) if metrics else ("0", "")
        counts = (str(described["data"]["examples"]), str(described["seed"]))
        table.add_row(path.parent.name, described["system"], epoch, phase, *counts)
    Console().print(table)


def show_run(run: Run) -> None:
    """Print the last epoch and the configuration of `run`.

    Raises:
        RunNotFound, RunInvalid: it is no run, or damaged.
    """
    described, metrics = run.described(), run.metrics()
    console = Console()
    data = described["data"]
    console.print(
        f"{described['system']} on {data['examples']} examples ({data['digest'][:12]}), seed {described['seed']}"
    )
    state = Table("last epoch", "", title=str(run.folder))
    for name, value in (metrics[-1] if metrics else {}).items():
        state.add_row(name, str(value))
    recipe = Table("option", "value")
    for name, value in described["config"].items():
        recipe.add_row(name, str(value))
    console.print(state, recipe)
    if run.checkpoint.is_file():
        console.print(f"resumable: pgtrain {described['system']} --resume --out {run.folder} --data DIR --epochs N")


def show_figures(results: dict[str, Any]) -> None:
    """Print what :func:`pgtrain.evaluation.evaluate.evaluate` returns, one line a figure."""
    if "kid" in results:
        about = ("system", "drawn_by", "epochs", "trained_on_this_data", "features", "samples", "fid_pictures")
        Console().print(", ".join(f"{name} {results[name]}" for name in about))
        Console().print(table_of({results["system"]: results}))
        return
    table = Table("figure", "value")
    for name, value in flattened(results).items():
        table.add_row(name, str(value))
    Console().print(table)


def flattened(results: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Name nested figures by their path: ``floor kid``."""
    flat: dict[str, Any] = {}
    for name, value in results.items():
        flat |= flattened(value, f"{before}{name} ") if isinstance(value, dict) else {before + name: value}
    return flat
