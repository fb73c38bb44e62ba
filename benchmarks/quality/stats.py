"""The stats GAN beside SDV's synthesizers: trained on the same rows, evaluated by the same figures.

    pip install -e ".[train,bench]"
    python benchmarks/quality/stats.py --data shared/data/pokemon              # all of them, hours
    python benchmarks/quality/stats.py --data shared/data/pokemon --only tvae-tuned --only pokegan

Each contender's figures go into benchmarks/results/stats.json as soon as it is measured; the others' stay.

Rows: the base forms with national dex numbers 1 to 898, split once (80 % to train on, stratified by rarity).
Every contender learns six stats, two types and a rarity, and draws as many rows as it was given, once for each
seed. The total is the sum of the six drawn stats, for all alike. Figures are against the training rows, except for
labels, which are predicted on the held-out ones: see pgtrain.evaluation.rows.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd
import torch
from sdv.metadata import Metadata
from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer
from sklearn.model_selection import train_test_split

from pgbench.measuring.environment import environment
from pgbench.reporting.files import kept, write_json
from pgtrain.data.sources.metadata import METADATA
from pgtrain.data.stats_rows import RARITIES, STATS
from pgtrain.evaluation.rows import COLUMNS, figures, frame
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.generate import generate, load
from pgtrain.train import Request, train

RESULTS = Path(__file__).parents[1] / "results" / "stats.json"
LAST = 898
"""The last national dex number of generation 8's main games; forms are left out."""

HELD_OUT = "reference: held-out rows"
TUNED = {"batch_size": 100, "epochs": 1000}

Draw = Callable[[pd.DataFrame, int], pd.DataFrame]


def base_forms(folder: Path) -> pd.DataFrame:
    """Read the rows of COLUMNS, one for each base form."""
    rows = []
    for line in (folder / METADATA).read_text("utf-8").splitlines():
        record = json.loads(line)
        if not record.get("form") and record["id"] <= LAST:
            rarity = next((name for name in RARITIES[1:] if record[f"is_{name}"]), RARITIES[0])
            types = [*record["types"], "none"]
            rows.append([*(record["stats"][name] for name in STATS), *types[:2], rarity])
    return pd.DataFrame(rows, columns=COLUMNS)


def pokegan(rows: pd.DataFrame, seed: int, epochs: int) -> pd.DataFrame:
    """Train as `pgtrain stats` does, then draw with the run's averaged generator."""
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "rows.csv", Path(folder) / "run"
        flags = {f"is_{name}": (rows["rarity"] == name).astype(int) for name in RARITIES[1:]}
        rows.assign(**flags).drop(columns="rarity").to_csv(table, index=False)
        request = Request("stats", table, out, epochs, None, seed, "fp32", 60.0, False)
        train(request, StatsConfig())
        return frame(generate(load(out), len(rows), seed=seed))


def synthesizer(kind: Any, **options: Any) -> Draw:
    """Train one of SDV's synthesizers and draw from it."""

    def draw(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
        torch.manual_seed(seed)
        np.random.seed(seed)
        kinds = {name: {"sdtype": "numerical" if name in STATS else "categorical"} for name in COLUMNS}
        made = kind(Metadata.load_from_dict({"tables": {"pokemon": {"columns": kinds}}}), **options)
        made.fit({"pokemon": rows})
        # A fitted synthesizer always draws the same rows first, so that each seed takes the next ones.
        drawn = made.sample(len(rows) * (seed + 1))
        return (drawn["pokemon"] if isinstance(drawn, dict) else drawn)[COLUMNS].tail(len(rows))

    return draw


def contenders(held: pd.DataFrame, epochs: int) -> dict[str, Draw]:
    """Name every contender, and the two lines of reference."""
    return {
        "pokegan": lambda rows, seed: pokegan(rows, seed, epochs),
        "gaussian-copula": synthesizer(GaussianCopulaSynthesizer),
        "tvae-tuned": synthesizer(TVAESynthesizer, **TUNED),
        "tvae": synthesizer(TVAESynthesizer),
        "ctgan-tuned": synthesizer(CTGANSynthesizer, **TUNED),
        "ctgan": synthesizer(CTGANSynthesizer),
        HELD_OUT: lambda rows, seed: held,
        "reference: resample": lambda rows, seed: rows.sample(len(rows), replace=True, random_state=seed),
    }


def measure(name: str, draw: Draw, rows: pd.DataFrame, held: pd.DataFrame, seeds: int) -> dict[str, Any]:
    """Train and draw once for each seed; means, deviations and every figure."""
    runs, took = [], []
    for seed in range(seeds):
        began = time.perf_counter()
        drawn = draw(rows, seed).reset_index(drop=True)
        took.append(time.perf_counter() - began)
        # A classifier trained on held-out rows would be tested on the same rows.
        runs.append(figures(rows, held, drawn, taught=rows if name == HELD_OUT else drawn))
        print(name, seed, {key: round(value, 4) for key, value in runs[-1].items()}, file=sys.stderr, flush=True)
    return {
        "mean": {key: round(mean(run[key] for run in runs), 4) for key in runs[0]},
        "deviation": {key: round(stdev(run[key] for run in runs), 4) for key in runs[0]} if seeds > 1 else {},
        "runs": [{key: round(value, 4) for key, value in run.items()} for run in runs],
        "train_and_draw_s": [round(seconds, 1) for seconds in took],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl")
    parser.add_argument("--only", action="append", help="measure this contender; may be given again")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200, help="of pokegan")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = base_forms(options.data)
    rows, held = train_test_split(table, test_size=0.2, random_state=0, stratify=table["rarity"])
    rows, held = rows.reset_index(drop=True), held.reset_index(drop=True)
    known = contenders(held, options.epochs)
    for name in options.only or known:
        if name not in known:
            parser.error(f"no such contender: {name}; there are {', '.join(known)}")
    for name in options.only or known:
        packages = ("torch", "sdv", "ctgan", "sdmetrics", "scikit-learn")
        about = {
            "command": "python benchmarks/quality/stats.py --data shared/data/pokemon",
            "rows": {"all": len(table), "trained_on": len(rows), "held_out": len(held)},
            "environment": environment() | {package: version(package) for package in packages},
        }
        result = measure(name, known[name], rows, held, options.seeds)
        result["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
        result |= {"epochs": options.epochs} if name == "pokegan" else {}
        write_json(options.out, about | {"contenders": kept(options.out, "contenders") | {name: result}})


if __name__ == "__main__":
    main()
