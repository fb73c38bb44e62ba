"""The stats GAN beside SDV's synthesizers: trained on the same rows, judged by the same figures.

    pip install -e ".[train,bench]"
    python benchmarks/stats.py --data shared/data/pokemon              # all of them, hours
    python benchmarks/stats.py --data shared/data/pokemon --only tvae-tuned --only pokegan

Each contender's figures go into benchmarks/results/stats.json as soon as it is measured; the others' stay.

Rows: the base forms with national dex numbers 1 to 898, split once (80 % to train on, stratified by rarity).
Every contender learns six stats, two types and a rarity, and draws as many rows as it was given, once for each
seed. The total is the sum of the six drawn stats, for all alike. Figures, all against the training rows unless
named otherwise:

overall              SDMetrics' quality score of stats, total, types and rarity (1 is perfect)
two_sample_auc       gradient boosting tells real rows from drawn ones, five-fold cross-validated (0.5 is perfect)
tstr_auc             a logistic regression on drawn rows finds the legendary or mythical ones (what the Kaggle table
                     calls is_legendary) among the held-out real ones by their six stats
tstr_auc_legendary   the same without the mythical ones
total_distance       Wasserstein distance of the totals, in points
copies               share of drawn rows that are a training row, in every column
valid                share of drawn rows that a Pokémon could have
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
from scipy.stats import wasserstein_distance
from sdmetrics.reports.single_table import QualityReport
from sdv.metadata import Metadata
from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pgbench.environment import environment
from pgtrain.sources.metadata import METADATA
from pgtrain.stats.config import StatsConfig
from pgtrain.stats.generate import generate, load
from pgtrain.stats.rows import RARITIES, STATS, TYPES, Row
from pgtrain.train import Request, train

RESULTS = Path(__file__).parent / "results" / "stats.json"
LAST = 898
"""The last national dex number of generation 8's main games; forms are left out."""

COLUMNS = [*STATS, "type1", "type2", "rarity"]
NUMBERS = [*STATS, "total"]
TUNED = {"batch_size": 100, "epochs": 1000}

Draw = Callable[[pd.DataFrame, int], pd.DataFrame]


def base_forms(folder: Path) -> pd.DataFrame:
    """Read the rows of COLUMNS, one for each base form."""
    found = []
    for line in (folder / METADATA).read_text("utf-8").splitlines():
        record = json.loads(line)
        if not record.get("form") and record["id"] <= LAST:
            rarity = next((name for name in RARITIES[1:] if record[f"is_{name}"]), RARITIES[0])
            types = [*record["types"], "none"]
            found.append([*(record["stats"][name] for name in STATS), *types[:2], rarity])
    return pd.DataFrame(found, columns=COLUMNS)


def frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame([[*row.stats, *(*row.types, "none")[:2], row.rarity] for row in rows], columns=COLUMNS)


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
        "reference: held-out rows": lambda rows, seed: held,
        "reference: resample": lambda rows, seed: rows.sample(len(rows), replace=True, random_state=seed),
    }


def with_total(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(total=rows[list(STATS)].sum(axis=1))


def figures(rows: pd.DataFrame, held: pd.DataFrame, drawn: pd.DataFrame, own: bool) -> dict[str, float]:
    """Measure `drawn` rows; of held-out ones (not `own`) the labels are learnt from the training rows."""
    seen = set(rows[COLUMNS].itertuples(index=False, name=None))
    taught = drawn if own else rows
    return {
        "overall": overall(rows, drawn),
        "two_sample_auc": two_sample(rows, drawn),
        "tstr_auc": rarity_auc(taught, held, ("legendary", "mythical")),
        "tstr_auc_legendary": rarity_auc(taught, held, ("legendary",)),
        "total_distance": float(wasserstein_distance(with_total(rows)["total"], with_total(drawn)["total"])),
        "copies": float(np.mean([row in seen for row in drawn[COLUMNS].itertuples(index=False, name=None)])),
        "valid": float(np.mean([valid(row) for row in drawn.to_dict("records")])),
    }


def overall(rows: pd.DataFrame, drawn: pd.DataFrame) -> float:
    columns = [*NUMBERS, *COLUMNS[len(STATS) :]]
    kinds = {name: {"sdtype": "numerical" if name in NUMBERS else "categorical"} for name in columns}
    report = QualityReport()
    report.generate(with_total(rows)[columns], with_total(drawn)[columns], {"columns": kinds}, verbose=False)
    return float(report.get_score())


def features(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Numbers, and one column for each type in each place and each rarity."""
    places = {"type1": TYPES, "type2": (*TYPES, "none"), "rarity": RARITIES}
    flags = [rows[column] == value for column, values in places.items() for value in values]
    return np.column_stack([with_total(rows)[NUMBERS].to_numpy(float), *(flag.to_numpy(float) for flag in flags)])


def two_sample(rows: pd.DataFrame, drawn: pd.DataFrame) -> float:
    both = np.concatenate([features(rows), features(drawn)])
    labels = np.repeat([1, 0], [len(rows), len(drawn)])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(GradientBoostingClassifier(random_state=0), both, labels, cv=folds, scoring="roc_auc")
    return float(scores.mean())


def rarity_auc(taught: pd.DataFrame, held: pd.DataFrame, rare: tuple[str, ...]) -> float:
    labels = taught["rarity"].isin(rare)
    if labels.nunique() < 2:
        return 0.5  # nothing rare was drawn, so nothing can be learnt
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(taught[list(STATS)], labels)
    return float(roc_auc_score(held["rarity"].isin(rare), model.predict_proba(held[list(STATS)])[:, 1]))


def valid(row: dict[str, Any]) -> bool:
    """Six integers in 1..255, one type or two different ones, a rarity."""
    stats = [row[name] for name in STATS]
    whole = all(float(value).is_integer() and 1 <= value <= 255 for value in stats)
    kinds = row["type1"] in TYPES and (row["type2"] in TYPES or row["type2"] == "none")
    return bool(whole and kinds and row["type1"] != row["type2"] and row["rarity"] in RARITIES)


def measure(name: str, draw: Draw, rows: pd.DataFrame, held: pd.DataFrame, seeds: int) -> dict[str, Any]:
    """Train and draw once for each seed; means, deviations and every figure."""
    runs, took = [], []
    for seed in range(seeds):
        began = time.perf_counter()
        drawn = draw(rows, seed).reset_index(drop=True)
        took.append(time.perf_counter() - began)
        runs.append(figures(rows, held, drawn, own=name != "reference: held-out rows"))
        print(name, seed, {key: round(value, 4) for key, value in runs[-1].items()}, file=sys.stderr, flush=True)
    return {
        "mean": {key: round(mean(run[key] for run in runs), 4) for key in runs[0]},
        "deviation": {key: round(stdev(run[key] for run in runs), 4) for key in runs[0]} if seeds > 1 else {},
        "runs": [{key: round(value, 4) for key, value in run.items()} for run in runs],
        "train_and_draw_s": [round(seconds, 1) for seconds in took],
    }


def merge(path: Path, name: str, found: dict[str, Any], about: dict[str, Any]) -> None:
    """Write one contender's figures beside those that are there."""
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {"contenders": {}}
    kept = about | {"contenders": kept["contenders"] | {name: found}}
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    beside.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl")
    parser.add_argument("--only", action="append", help="measure this contender; may be given again")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200, help="of pokegan")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    table = base_forms(asked.data)
    rows, held = train_test_split(table, test_size=0.2, random_state=0, stratify=table["rarity"])
    rows, held = rows.reset_index(drop=True), held.reset_index(drop=True)
    known = contenders(held, asked.epochs)
    for name in asked.only or known:
        if name not in known:
            parser.error(f"no such contender: {name}; there are {', '.join(known)}")
    for name in asked.only or known:
        packages = ("torch", "sdv", "ctgan", "sdmetrics", "scikit-learn")
        about = {
            "command": "python benchmarks/stats.py --data shared/data/pokemon",
            "rows": {"all": len(table), "trained_on": len(rows), "held_out": len(held)},
            "environment": environment() | {package: version(package) for package in packages},
        }
        found = measure(name, known[name], rows, held, asked.seeds)
        found["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
        merge(asked.out, name, found | ({"epochs": asked.epochs} if name == "pokegan" else {}), about)


if __name__ == "__main__":
    main()
