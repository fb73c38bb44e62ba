"""The runs to export; without PyTorch."""

from collections.abc import Iterable
from pathlib import Path

from pgexport.errors import RunsInvalid
from pgtrain.engine.run import CONFIG, Run
from pgtrain.errors import RunInvalid

RUNS = Path("runs")


def finished(run: Run) -> bool:
    """Check whether a run has all its epochs, and no process trains it further."""
    epochs, metrics = run.described()["epochs"], run.metrics()
    done = metrics[-1]["epoch"] if metrics else 0
    return done >= epochs and run.checkpoint.is_file() and not run.is_training()


def newest_finished(folder: Path = RUNS) -> list[Path]:
    """Find the newest finished run of each system in `folder`, by when its checkpoint was written.

    Raises:
        RunsInvalid: there is none.
    """
    newest: dict[str, tuple[float, Path]] = {}
    for path in folder.glob(f"*/{CONFIG}"):
        run = Run(path.parent)
        try:
            if not finished(run):
                continue
        except RunInvalid:
            continue  # only a run that is named may fail
        candidate = run.checkpoint.stat().st_mtime, run.folder
        system = run.described()["system"]
        newest[system] = max(newest.get(system, candidate), candidate)
    if not newest:
        raise RunsInvalid(f"{folder}: no finished run in it (one that was stopped early must be named); name a run")
    return [newest[system][1] for system in sorted(newest)]


def distinct(runs: Iterable[tuple[str, Path]]) -> None:
    """Check that no two runs, given as (system, folder), are of one system.

    Raises:
        RunsInvalid: two are.
    """
    seen: dict[str, Path] = {}
    for system, folder in runs:
        if system in seen:
            raise RunsInvalid(
                f"{seen[system]} and {folder} are both runs of {system}; a bundle holds one, name one of them"
            )
        seen[system] = folder
