"""Parity: how far an exported model differs from PyTorch in float32, measured through the runtime itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pgexport.errors import ParityFailed
from pgexport.kinds import KINDS
from pgexport.parity.comparisons import Locator
from pgexport.parity.tolerances import TOLERANCES, beyond
from pgexport.trial import BATCHES, FARTHEST, Feeds, Runner, Trial


def measure(trial: Trial, runner: Runner, locate: Locator | None = None) -> dict[str, dict[str, float]]:
    """Compare a model with PyTorch: figures of Tolerance by case.

    Raises:
        ParityFailed: the outputs of a row depend on its batch.
    """
    compare = KINDS[trial.kind].load("compare")
    by_case: dict[str, dict[str, float]] = {}
    for case, feeds in trial.cases.items():
        figures = compare(trial, feeds, runner, locate)
        if case == FARTHEST and "psnr" in figures:
            figures = {f"extreme_{name}": value for name, value in figures.items() if name != "worst"}
        by_case[case] = figures
    return by_case


def check(trial: Trial, runner: Runner, storage: str, locate: Locator | None = None) -> dict[str, Any]:
    """Hold a model to TOLERANCES[storage].

    Args:
        trial: the model in PyTorch, and its inputs.
        runner: runs the exported model.
        storage: a key of TOLERANCES.
        locate: names the first diverging node on inputs, for the message.

    Returns:
        What the manifest says of parity: each figure as measured in its worst case, and its limit (or None).

    Raises:
        ParityFailed: a figure is beyond its limit, or the outputs of a row depend on its batch.
    """
    worst: dict[str, Any] = {}
    for case, figures in measure(trial, runner, locate).items():
        for name, value in figures.items():
            checked = check_figure(trial.name, name, value, storage, partial(_place, locate, trial.cases[case]))
            if name not in worst or beyond(name, value, worst[name]["measured"]):
                worst[name] = checked
    rows = {case: len(next(iter(feeds.values()))) for case, feeds in trial.cases.items()}
    setting = {"against": "PyTorch eager float32", "seed": trial.seed, "batches": list(BATCHES), "rows": rows}
    return setting | {"figures": worst}


def check_figure(
    model: str, name: str, value: float, storage: str, place: Callable[[], str]
) -> dict[str, float | None]:
    """Hold one figure to TOLERANCES[storage] and return it with its limit; `place` names the place of a failure.

    Raises:
        ParityFailed: it is beyond.
    """
    limit: float | None = getattr(TOLERANCES[storage], name)
    if limit is not None and beyond(name, value, limit):
        where = f"; {node}" if (node := place()) else ""
        raise ParityFailed(f"{model}: parity ({storage}): {name} is {value:.5g} where the limit is {limit:.5g}{where}")
    return {"measured": value, "limit": limit}


def _place(locate: Locator | None, feeds: Feeds) -> str:
    return locate({name: value[:2] for name, value in feeds.items()}, None) if locate else ""
