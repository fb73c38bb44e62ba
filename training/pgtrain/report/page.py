"""One page about a run: pictures, film, curves, figures and configuration, in one HTML file."""

import base64
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid
from pgtrain.report.curves import write_curves
from pgtrain.report.overview import flattened
from pgtrain.report.timelapse import write_gif, write_mp4

KINDS = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}


def write_report(run: Run) -> Path:
    """Write report.html, MODEL_CARD.md, curves.svg, timelapse.gif and timelapse.mp4 into `run`; return the page.

    Raises:
        RunNotFound, RunInvalid: there is no run, or its first epoch has not ended.
    """
    described, metrics, grids = run.described(), run.metrics(), run.grids()
    if not metrics or not grids:
        raise RunInvalid(f"{run.folder}: no epoch has ended yet, so there is nothing to report")
    write_curves(metrics, run.folder / "curves.svg")
    write_gif(grids, run.folder / "timelapse.gif")
    write_mp4(grids, run.folder / "timelapse.mp4")
    measured = flattened(run.evaluation())
    facts = {
        "run": run.folder.name,
        "measured": measured,
        "described": described,
        "last": metrics[-1],
        "metrics": metrics,
    }
    (run.folder / "MODEL_CARD.md").write_text(_render("model_card.md.j2", facts), "utf-8")
    pictures = {"grid": grids[-1], "real": run.folder / "real.png"}
    pictures |= {name: run.folder / name for name in ("curves.svg", "timelapse.gif", "neighbors.png")}
    embedded = {name.partition(".")[0]: _embed(path) for name, path in pictures.items() if path.is_file()}
    page = run.folder / "report.html"
    page.write_text(_render("report.html.j2", facts | {"pictures": embedded}), "utf-8")
    return page


def _render(template: str, facts: dict[str, Any]) -> str:
    loader = PackageLoader("pgtrain.report", "templates")
    environment = Environment(
        loader=loader, autoescape=template.startswith("report"), undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.get_template(template).render(**facts)


def _embed(path: Path) -> str:
    return f"data:{KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
