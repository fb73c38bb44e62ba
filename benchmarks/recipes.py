"""Each system's default recipe beside its original, trained for the same processor time and judged by the same figures.

    pip install -e ".[train]"
    python benchmarks/recipes.py --data shared/data/pokemon                 # hours of processor time
    python benchmarks/recipes.py --data shared/data/pokemon --only dcgan    # one pair

Every run trains on one thread until its process has used MINUTES of processor time (so that a busy machine costs
the recipes alike), is stopped by SIGTERM, and judged by `pgtrain evaluate`. A run that is there already is only
judged again. Figures of both go into benchmarks/results/recipes.json.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results" / "recipes.json"
MINUTES = 15.0
ENDLESS = "100000"
STAGE1 = ["--stage", "1"]

# Epochs of reconstruction are a share of --epochs, which has no meaning in a run that time ends.
RECIPES = {
    "dcgan": {"default": [], "original": ["--recipe", "original"]},
    "wgan": {"default": [], "original": ["--recipe", "original"]},
    "stackgan": {"default": [*STAGE1, "--stage1-pretrain", "18"], "original": [*STAGE1, "--recipe", "original"]},
}


def train(system: str, options: list[str], data: Path, run: Path, minutes: float) -> None:
    """Train until the process has used `minutes` of processor time, then stop it as Ctrl-C would."""
    command = [sys.executable, "-m", "pgtrain.cli", system, *options, "--epochs", ENDLESS]
    command += ["--data", str(data), "--out", str(run)]
    with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None and sum(watched.cpu_times()[:2]) < 60 * minutes:
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
    if process.returncode != 130:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def judge(run: Path, data: Path) -> dict[str, Any]:
    """Evaluate a run and read what was found."""
    command = [sys.executable, "-m", "pgtrain.cli", "evaluate", str(run), "--data", str(data)]
    subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text("utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl")
    parser.add_argument("--only", choices=RECIPES, action="append", help="this system; may be given again")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="processor time of each training")
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--no-judge", action="store_true", help="only train")
    asked = parser.parse_args()
    for system in asked.only or RECIPES:
        for recipe, options in RECIPES[system].items():
            run = asked.runs / f"{system}-{recipe}"
            if not run.exists():
                train(system, options, asked.data, run, asked.minutes)


if __name__ == "__main__":
    main()
