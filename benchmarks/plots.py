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


def startup(result: dict[str, Any]) -> dict[str, Bars]:
    return {"milliseconds from start to exit": result["median_ms"]}


def training(result: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"pgtrain dcgan, recipe {recipe}: images a second": {
            name: rate["median"] for name, rate in measured["images_per_second"].items()
        }
        for recipe, measured in result["recipes"].items()
    }


def install(result: dict[str, Any]) -> dict[str, Bars]:
    contenders = result["contenders"]
    return {
        "MB on disk": {name: figures["bytes"] / 1e6 for name, figures in contenders.items()},
        "seconds of pip install": {name: figures["seconds"] for name, figures in contenders.items()},
    }


def devices(result: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"{batch}: ms of processor time a picture": {
            name: figures["processor_ms_a_picture"] for name, figures in engines.items()
        }
        for batch, engines in result["median"].items()
    }


def batches(result: dict[str, Any]) -> dict[str, Bars]:
    return {
        "ms a file": {name: encoded["ms"] for name, encoded in result["formats"].items()},
        "kB a file": {name: encoded["bytes"] / 1e3 for name, encoded in result["formats"].items()},
    }


def sessions(result: dict[str, Any]) -> dict[str, Bars]:
    return {
        f"{task}: ms": {name: figures["wall_ms"] for name, figures in settings.items()}
        for task, settings in result["median"].items()
    }


def stats(result: dict[str, Any]) -> dict[str, Bars]:
    panels = {
        "overall": "SDMetrics' quality (1 is best)",
        "two_sample_auc": "two-sample AUC (0.5 is best)",
        "total_distance": "distance of stat totals (0 is best)",
    }
    return {
        title: {name: measured["mean"][key] for name, measured in result["contenders"].items()}
        for key, title in panels.items()
    }


def serve(result: dict[str, Any]) -> dict[str, Bars]:
    load, crowd = result["load"], result["overload"]
    polite, target = crowd["they wait as told"], result["targets"]["first_picture_ms"]
    return {
        f"{load['clients']} clients: ms": {name: load[f"{name}_ms"] for name in ("p50", "p90", "p99", "max")},
        "pictures a second": {"offline": load["offline_pictures_per_s"], "served": load["pictures_per_s"]},
        f"{crowd['clients']} clients, the accepted: ms": {
            "p50": polite["accepted"]["p50_ms"],
            "p99": polite["accepted"]["p99_ms"],
            "a full queue": polite["bound_ms"],
        },
        "the first picture: ms": result["first"]["median_ms"] | {"target": target},
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
    """Format a bar's value: three digits below 100."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def environment(result: dict[str, Any]) -> dict[str, Any]:
    """Read the environment of a result, the first of several."""
    several = result.get("environments") or {
        name: measured["environment"]
        for name, measured in result.get("contenders", {}).items()
        if "environment" in measured
    }
    first: dict[str, Any] = result.get("environment") or next(iter(several.values()))
    return first


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
            result = json.loads(path.read_text("utf-8"))
            machine = environment(result)
            draw(name, panels(result), f"{machine['cpu']}, {machine['cores']} cores")


if __name__ == "__main__":
    main()
