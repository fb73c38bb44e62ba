"""Loss curves from metrics.jsonl."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

NOT_LOSSES = ("epoch", "phase", "pictures_per_second")


def series(metrics: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """Collect the epochs and values of every loss in `metrics`, by name."""
    named: dict[str, tuple[list[int], list[float]]] = {}
    for entry in metrics:
        for name, value in entry.items():
            if name not in NOT_LOSSES:
                epochs, values = named.setdefault(name, ([], []))
                if epochs and entry["epoch"] > epochs[-1] + 1:  # break the line at a phase without this loss
                    epochs.append(epochs[-1] + 1)
                    values.append(math.nan)
                epochs.append(entry["epoch"])
                values.append(value)
    return named


def write_curves(metrics: list[dict[str, Any]], out: Path) -> None:
    """Plot one small chart per loss, with a line where the phase changes, as SVG to `out`."""
    losses = series(metrics)
    changes = [later["epoch"] for sooner, later in pairwise(metrics) if later["phase"] != sooner["phase"]]
    figure = Figure(figsize=(8, 1.8 * max(1, len(losses))), layout="constrained")
    charts = figure.subplots(max(1, len(losses)), 1, sharex=True, squeeze=False)[:, 0]
    for chart, (name, (epochs, values)) in zip(charts, losses.items(), strict=False):
        chart.plot(epochs, values, linewidth=1.2)
        chart.set_ylabel(name)
        chart.grid(alpha=0.3)
        for epoch in changes:
            chart.axvline(epoch, color="gray", linestyle=":", linewidth=1)
    charts[-1].set_xlabel("epoch")
    figure.savefig(out, format="svg")
