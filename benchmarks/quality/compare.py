r"""Runs and bundles judged side by side: one table, one contact sheet, and ratios to the first.

    pip install -e ".[evaluate]"
    python benchmarks/quality/compare.py --data shared/data/pokemon                             # the embedded bundle
    python benchmarks/quality/compare.py --data shared/data/pokemon --out compared.json \
        now=runtime/pgen/embedded new=mine original=runs/original                      # which weights should ship?

Each is drawn and measured by `pgtrain evaluate`, its files go into WORK/NAME, and what exists already is not
evaluated again. Writes OUT, and next to it a .png with the contact sheets, the first on the left. The sheets hold no
artwork; neighbors.png in WORK/NAME does, and stays there.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgtrain.evaluation.tables import ratios, table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality.json"
EMBEDDED = "embedded=runtime/pgen/embedded"
GAP = 16
"""Pixels between two contact sheets."""


def judge(place: Path, work: Path, options: list[str]) -> dict[str, Any]:
    """Evaluate the run or bundle in `place` into `work`, unless that is done already; read its metrics."""
    if not (work / "metrics.json").is_file():
        command = [sys.executable, "-m", "pgtrain.cli", "evaluate", str(place), "--out", str(work), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    metrics: dict[str, Any] = json.loads((work / "metrics.json").read_text("utf-8"))
    return metrics


def sheets(works: list[Path], out: Path) -> None:
    """Lay the contact sheets side by side; a GAN without text has its samples instead."""
    files = [work / ("sheet.png" if (work / "sheet.png").is_file() else "samples.png") for work in works]
    images = [Image.open(file).convert("RGB") for file in files]
    size = sum(image.width + GAP for image in images) - GAP, max(image.height for image in images)
    wide = Image.new("RGB", size, "white")
    left = 0
    for image in images:
        wide.paste(image, (left, 0))
        left += image.width + GAP
    wide.quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contenders", nargs="*", default=[EMBEDDED], metavar="NAME=PLACE", help="a run or a bundle")
    parser.add_argument("--data", required=True, help="as of pgtrain evaluate")
    parser.add_argument("--features", default="imagenet", help="as of pgtrain evaluate")
    parser.add_argument("--samples", help="as of pgtrain evaluate")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"), help="folder for each one's files")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    places = {name: Path(place) for name, _, place in (contender.partition("=") for contender in options.contenders)}
    evaluate = ["--data", options.data, "--features", options.features]
    evaluate += ["--samples", options.samples] if options.samples else []
    metrics = {name: judge(place, options.work / name, evaluate) for name, place in places.items()}
    judged = {
        name: {key: value for key, value in figures.items() if key != "schema"} for name, figures in metrics.items()
    }
    command = " ".join(["python benchmarks/quality/compare.py --data shared/data/pokemon", *options.contenders])
    ratio = ratios(metrics)
    write_json(options.out, {"command": command, "environment": environment(), "judged": judged, "over_first": ratio})
    sheets([options.work / name for name in places], options.out.with_suffix(".png"))
    Console().print(table(metrics))


if __name__ == "__main__":
    main()
