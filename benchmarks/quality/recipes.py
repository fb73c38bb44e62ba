"""Each system's default recipe beside its original, trained for the same processor time and judged by the same figures.

    pip install -e ".[train,evaluate]"
    python benchmarks/quality/recipes.py --data shared/data/pokemon                 # hours of processor time
    python benchmarks/quality/recipes.py --data shared/data/pokemon --only dcgan    # one pair

Both runs of a pair train side by side, each on one thread until its process has used MINUTES of processor time (so
that a busy machine affects both alike). SIGTERM stops them, and `pgtrain evaluate` evaluates them. Runs that exist
already are only evaluated again. Figures go into benchmarks/results/recipes.json as each pair is done.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from pgbench.measuring.environment import environment
from pgbench.reporting.files import kept, write_json

RESULTS = Path(__file__).parents[1] / "results" / "recipes.json"
MINUTES = 15.0
ENDLESS = "100000"
STAGE1 = ["--stage", "1"]

# By default epochs of reconstruction are a share of --epochs, which is meaningless in a run that ends by time.
RECIPES = {
    "dcgan": {"default": [], "original": ["--recipe", "original"]},
    "wgan": {"default": [], "original": ["--recipe", "original"]},
    "stackgan": {"default": [*STAGE1, "--stage1-pretrain", "60"], "original": [*STAGE1, "--recipe", "original"]},
}


def train(system: str, options: list[str], data: Path, run: Path, minutes: float) -> None:
    """Train until the process has used `minutes` of processor time, then stop it with SIGTERM."""
    command = [sys.executable, "-m", "pgtrain.cli", system, *options, "--epochs", ENDLESS]
    command += ["--data", str(data), "--out", str(run)]
    with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None and sum(watched.cpu_times()[:2]) < 60 * minutes:
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
    if process.returncode != 130:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def pair(system: str, data: Path, runs: Path, minutes: float) -> None:
    """Train those recipes of `system` that have no run yet."""
    missing = [recipe for recipe in RECIPES[system] if not (runs / f"{system}-{recipe}").exists()]
    with ThreadPoolExecutor() as pool:
        for done in [
            pool.submit(train, system, RECIPES[system][recipe], data, runs / f"{system}-{recipe}", minutes)
            for recipe in missing
        ]:
            done.result()


def judge(run: Path, data: Path) -> dict[str, Any]:
    """Evaluate a run by the project's own network and, under "imagenet", by the default one: they may not agree."""
    return evaluate(run, data, "artwork") | {"imagenet": evaluate(run, data, "imagenet")}


def evaluate(run: Path, data: Path, features: str) -> dict[str, Any]:
    """Evaluate a run with `pgtrain evaluate` and read its metrics."""
    command = [sys.executable, "-m", "pgtrain.cli", "evaluate", str(run), "--data", str(data), "--features", features]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    metrics: dict[str, Any] = json.loads((run / "metrics.json").read_text("utf-8"))
    return metrics


def draw(system: str, runs: Path, out: Path) -> None:
    """Lay the samples of both recipes side by side, the default's left."""
    sheets = [Image.open(runs / f"{system}-{recipe}" / "samples.png").convert("RGB") for recipe in RECIPES[system]]
    wide = Image.new("RGB", (sum(sheet.width for sheet in sheets) + 16, sheets[0].height), "black")
    wide.paste(sheets[0], (0, 0))
    wide.paste(sheets[1], (sheets[0].width + 16, 0))
    wide.thumbnail((1056, 1056))
    wide.save(out)


def merge(path: Path, system: str, figures: dict[str, Any], minutes: float) -> None:
    """Add one system's figures to the file; those of the others stay."""
    ratios = {name: round(figures["default"][name] / figures["original"][name], 3) for name in ("kid", "fid")}
    ratios["kid, imagenet"] = round(figures["default"]["imagenet"]["kid"] / figures["original"]["imagenet"]["kid"], 3)
    options = f"--only {system} --minutes {minutes:g}"
    about = {
        "command": f"python benchmarks/quality/recipes.py --data shared/data/pokemon {options}",
        "environment": environment(),
    }
    write_json(path, {"systems": kept(path, "systems") | {system: about | figures | {"default_over_original": ratios}}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl")
    parser.add_argument("--only", choices=RECIPES, action="append", help="this system; may be given again")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="processor time of each training")
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for system in options.only or RECIPES:
        pair(system, options.data, options.runs, options.minutes)
        figures = {recipe: judge(options.runs / f"{system}-{recipe}", options.data) for recipe in RECIPES[system]}
        merge(options.out, system, figures, options.minutes)
        draw(system, options.runs, options.out.with_name(f"recipes-{system}.png"))


if __name__ == "__main__":
    main()
