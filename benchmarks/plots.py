"""Figures of the committed results, drawn from their JSON.

    pip install -e ".[plot]"
    python benchmarks/plots.py              # rewrites the .png beside each JSON file listed in FIGURES

pgbench draws its own (`pgbench show FILE.json --plot NAME`).
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from pgbench.reporting.files import write

RESULTS = Path(__file__).parent / "results"
Bars = dict[str, float]


def startup(told: dict[str, Any]) -> dict[str, Bars]:
    return {"milliseconds from start to exit": told["median_ms"]}


def training(told: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"pgtrain dcgan, recipe {recipe}: images a second": {
            name: rate["median"] for name, rate in found["images_per_second"].items()
        }
        for recipe, found in told["recipes"].items()
    }


def install(told: dict[str, Any]) -> dict[str, Bars]:
    found = told["contenders"]
    return {
        "MB on disk": {name: figures["bytes"] / 1e6 for name, figures in found.items()},
        "seconds of pip install": {name: figures["seconds"] for name, figures in found.items()},
    }


def devices(told: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"{batch}: ms of processor time a picture": {
            name: figures["processor_ms_a_picture"] for name, figures in found.items()
        }
        for batch, found in told["median"].items()
    }


def batches(told: dict[str, Any]) -> dict[str, Bars]:
    return {
        "ms a file": {name: found["ms"] for name, found in told["formats"].items()},
        "kB a file": {name: found["bytes"] / 1e3 for name, found in told["formats"].items()},
    }


def sessions(told: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"{task}: ms": {name: figures["wall_ms"] for name, figures in found.items()}
        for task, found in told["median"].items()
    }


def stats(told: dict[str, Any]) -> dict[str, Bars]:
    panels = {
        "overall": "SDMetrics' quality (1 is best)",
        "two_sample_auc": "told from real rows, AUC (0.5 is best)",
        "total_distance": "distance of stat totals (0 is best)",
    }
    return {
        title: {name: found["mean"][key] for name, found in told["contenders"].items()} for key, title in panels.items()
    }


def serve(told: dict[str, Any]) -> dict[str, Bars]:
    load, crowd = told["load"], told["overload"]
    polite, target = crowd["they wait as told"], told["targets"]["first_picture_ms"]
    return {
        f"{load['clients']} clients: ms": {name: load[f"{name}_ms"] for name in ("p50", "p90", "p99", "max")},
        "pictures a second": {"offline": load["offline_pictures_per_s"], "served": load["pictures_per_s"]},
        f"{crowd['clients']} clients, the accepted: ms": {
            "p50": polite["accepted"]["p50_ms"],
            "p99": polite["accepted"]["p99_ms"],
            "a full queue": polite["bound_ms"],
        },
        "the first picture: ms": told["first"]["median_ms"] | {"target": target},
    }


FIGURES: dict[str, Callable[[dict[str, Any]], dict[str, Bars]]] = {
    "startup": startup,
    "training": training,
    "install": install,
    "devices": devices,
    "batches": batches,
    "sessions": sessions,
    "stats": stats,
    "serve": serve,
}


def label(value: float) -> str:
    """Write a bar's value: three digits of what is small."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def environment(told: dict[str, Any]) -> dict[str, Any]:
    """Find where a result was measured; of several places the first."""
    several = told.get("environments") or {
        name: found["environment"] for name, found in told.get("contenders", {}).items() if "environment" in found
    }
    found: dict[str, Any] = told.get("environment") or next(iter(several.values()))
    return found


def draw(name: str, panels: dict[str, Bars], note: str) -> None:
    """Draw horizontal bars, a panel for each entry of `panels`, into results/NAME.png."""
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        rows = max(len(bars) for bars in panels.values())
        figure = Figure(figsize=(2 + 4.2 * len(panels), 0.8 + 0.4 * rows), layout="constrained")
        for axes, (title, bars) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            drawn = axes.barh(list(bars), list(bars.values()), color=[f"C{number}" for number in range(len(bars))])
            axes.bar_label(drawn, fmt=label, padding=3)
            axes.invert_yaxis()
            axes.margins(x=0.15)
            axes.set_title(title, fontsize=9)
        figure.supxlabel(note, fontsize=7)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=150)
        write(RESULTS / f"{name}.png", content.getvalue())


def main() -> None:
    for name, panels in FIGURES.items():
        path = RESULTS / f"{name}.json"
        if path.is_file():
            told = json.loads(path.read_text("utf-8"))
            around = environment(told)
            draw(name, panels(told), f"{around['cpu']}, {around['cores']} cores")


if __name__ == "__main__":
    main()
