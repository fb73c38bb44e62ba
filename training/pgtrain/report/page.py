"""The report of a run as one HTML file: pictures, timelapse, curves, figures and configuration."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid
from pgtrain.evaluation.tables import lines
from pgtrain.report.curves import write_curves
from pgtrain.report.overview import flattened
from pgtrain.report.timelapse import write_gif, write_mp4
from pokegan.errors import one_line
from pokegan.files import atomic_path

ABOUT = ("schema", "seed", "system", "trained_on_this_data", "epochs", "drawn_by", "features", "samples", "real")
"""Fields of an evaluation that are not figures."""

PICTURES = ("sheet.png", "samples.png", "neighbors.png", "real.png", "curves.svg", "timelapse.gif")
"""Optional files that a page shows after the last grid."""

KINDS = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}


def write_report(run: Run, say: Callable[[str], None] = print) -> Path:
    """Write report.html, MODEL_CARD.md, curves.svg, timelapse.gif and timelapse.mp4 into `run`; return the HTML file.

    Damaged pictures are left out; `say` is called with a line about each. Without a grid there is no timelapse.

    Raises:
        RunNotFound, RunInvalid: there is no run, or its first epoch has not ended.
    """
    described, metrics = run.described(), run.metrics()
    if not metrics:
        raise RunInvalid(f"{run.folder}: no epoch has ended yet, so there is nothing to report")
    grids = [path for path in run.grids() if _opens(path, say)]
    results = run.evaluation()
    about = {name: results[name] for name in ABOUT if name in results}
    measured = flattened({name: value for name, value in results.items() if name not in ABOUT})
    facts = {
        "run": run.folder.name,
        "about": about,
        "measured": measured,
        "compared": lines({described["system"]: results}) if "kid" in results else [],
        "described": described,
        "last": metrics[-1],
        "metrics": metrics,
    }
    with run.writing():
        with atomic_path(run.folder / "curves.svg") as out:
            write_curves(metrics, out)
        for name, write in (("timelapse.gif", write_gif), ("timelapse.mp4", write_mp4)) if grids else ():
            with atomic_path(run.folder / name) as out:
                write(grids, out)
        run.write("MODEL_CARD.md", _render("model_card.md.j2", facts))
        files = {"grid": grids[-1] if grids else run.folder / "grids"}
        files |= {Path(name).stem: run.folder / name for name in PICTURES}
        embedded = {}
        for name, path in files.items():
            usable = path.is_file() and (path.suffix == ".svg" or _opens(path, say))
            embedded[name] = _embed(path) if usable else ""
        run.write("report.html", _render("report.html.j2", facts | {"pictures": embedded}))
    return run.folder / "report.html"


def _opens(path: Path, say: Callable[[str], None]) -> bool:
    """Whether a picture can be decoded; if not, `say` is called with the reason."""
    try:
        with Image.open(path) as picture:
            picture.load()
        return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        say(f"{path}: left out, damaged ({one_line(error)})")
        return False


def _render(template: str, facts: dict[str, Any]) -> str:
    loader = PackageLoader("pgtrain.report", "templates")
    environment = Environment(
        loader=loader, autoescape=template.startswith("report"), undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.get_template(template).render(**facts)


def _embed(path: Path) -> str:
    return f"data:{KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
