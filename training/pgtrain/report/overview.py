"""Tables of runs and of their figures in the terminal; without PyTorch."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pgtrain.engine.run import CONFIG, Run
from pgtrain.errors import RunNotFound
from pgtrain.evaluation.tables import table as table_of
from pokegan.errors import PokeganError, one_line


def list_runs(folder: Path, as_json: bool = False) -> None:
    """Print one line per run in `folder`, newest first, or a JSON array; damaged runs are marked.

    Raises:
        RunNotFound: `folder` is missing, or holds no run.
    """
    configs = sorted(folder.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not configs:
        problem = "no runs in it" if folder.is_dir() else "not a folder" if folder.exists() else "no such folder"
        raise RunNotFound(f"{folder}: {problem}; train one, or choose another folder")
    rows = [_row(Run(path.parent)) for path in configs]
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    table = Table("run", "system", "epochs", "phase", "examples", "seed")
    for row in rows:
        cells = [row["run"], "damaged", "", row["error"]] if "error" in row else row.values()
        table.add_row(*(escape(str(cell)) for cell in cells))
    Console().print(table)


def _row(run: Run) -> dict[str, Any]:
    try:
        described, metrics = run.described(), run.metrics()
        last = metrics[-1] if metrics else {"epoch": 0, "phase": ""}
        return {
            "run": run.folder.name,
            "system": described["system"],
            "epochs": last["epoch"],
            "phase": last["phase"],
            "examples": described["data"]["examples"],
            "seed": described["seed"],
        }
    except (PokeganError, OSError) as error:
        return {"run": run.folder.name, "error": one_line(error)}


def show_run(run: Run, as_json: bool = False) -> None:
    """Print the last epoch and the configuration of `run`, or both as JSON.

    Raises:
        RunNotFound, RunInvalid: it is not a run, or is damaged.
    """
    described, metrics = run.described(), run.metrics()
    last = metrics[-1] if metrics else {}
    if as_json:
        facts = {"run": str(run.folder), "last": last, "resumable": run.checkpoint.is_file()}
        print(json.dumps(facts | described, indent=1, ensure_ascii=False))
        return
    console = Console()
    data = described["data"]
    console.print(
        f"{described['system']} on {data['examples']} examples ({data['digest'][:12]}), seed {described['seed']}",
        markup=False,
    )
    state = Table("last epoch", "", title=escape(str(run.folder)))
    for name, value in last.items():
        state.add_row(escape(name), escape(str(value)))
    recipe = Table("option", "value")
    for name, value in described["config"].items():
        recipe.add_row(escape(name), escape(str(value)))
    console.print(state, recipe)


def show_figures(results: dict[str, Any]) -> None:
    """Print the results of :func:`pgtrain.evaluation.evaluate.evaluate`, one line per figure."""
    if "kid" in results:
        about = ("system", "drawn_by", "epochs", "trained_on_this_data", "features", "samples", "fid_pictures")
        Console().print(", ".join(f"{name} {results[name]}" for name in about), markup=False)
        Console().print(table_of({results["system"]: results}))
        return
    table = Table("figure", "value")
    for name, value in flattened(results).items():
        table.add_row(escape(name), escape(str(value)))
    Console().print(table)


def flattened(results: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Name nested figures by their path: ``floor kid``."""
    flat: dict[str, Any] = {}
    for name, value in results.items():
        flat |= flattened(value, f"{before}{name} ") if isinstance(value, dict) else {before + name: value}
    return flat
