"""Figures of generated rows: their similarity to real ones, and copies.

overall              SDMetrics' quality score of stats, total, types and rarity (1 is perfect)
two_sample_auc       gradient boosting separates real rows from drawn ones, five-fold cross-validated (0.5 is perfect)
tstr_auc             a logistic regression on drawn rows finds the legendary or mythical ones (is_legendary in the
                     Kaggle table) among held-out real ones by their six stats
tstr_auc_legendary   the same without the mythical ones
total_distance       Wasserstein distance of the totals, in points
copies               share of drawn rows that equal a training row in every column
valid                share of drawn rows in the ranges of a Pokémon
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance
from sdmetrics.reports.single_table import QualityReport
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pgtrain.data.stats_rows import RARITIES, STATS, TYPES, Row

COLUMNS = [*STATS, "type1", "type2", "rarity"]
NUMBERS = [*STATS, "total"]


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Build a table with COLUMNS from rows; the second type of a single one is "none"."""
    return pd.DataFrame([[*row.stats, *(*row.types, "none")[:2], row.rarity] for row in rows], columns=COLUMNS)


def figures(rows: pd.DataFrame, held: pd.DataFrame, drawn: pd.DataFrame, taught: pd.DataFrame) -> dict[str, float]:
    """Compare `drawn` rows with the training `rows`; labels are learned from `taught` and predicted for `held` rows.

    Every table has COLUMNS.
    """
    training = set(rows[COLUMNS].itertuples(index=False, name=None))
    return {
        "overall": overall(rows, drawn),
        "two_sample_auc": two_sample(rows, drawn),
        "tstr_auc": rarity_auc(taught, held, ("legendary", "mythical")),
        "tstr_auc_legendary": rarity_auc(taught, held, ("legendary",)),
        "total_distance": float(wasserstein_distance(with_total(rows)["total"], with_total(drawn)["total"])),
        "copies": float(np.mean([row in training for row in drawn[COLUMNS].itertuples(index=False, name=None)])),
        "valid": float(np.mean([valid(row) for row in drawn.to_dict("records")])),
    }


def with_total(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the sum of the six stats as `total`."""
    return rows.assign(total=rows[list(STATS)].sum(axis=1))


def overall(rows: pd.DataFrame, drawn: pd.DataFrame) -> float:
    """SDMetrics' quality: column shapes and the trends of pairs of columns, 0..1."""
    columns = [*NUMBERS, *COLUMNS[len(STATS) :]]
    kinds = {name: {"sdtype": "numerical" if name in NUMBERS else "categorical"} for name in columns}
    report = QualityReport()
    report.generate(with_total(rows)[columns], with_total(drawn)[columns], {"columns": kinds}, verbose=False)
    return float(report.get_score())


def features(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the NUMBERS and one-hot columns of types and rarity: float64 (N, F)."""
    places = {"type1": TYPES, "type2": (*TYPES, "none"), "rarity": RARITIES}
    flags = [rows[column] == value for column, values in places.items() for value in values]
    return np.column_stack([with_total(rows)[NUMBERS].to_numpy(float), *(flag.to_numpy(float) for flag in flags)])


def two_sample(rows: pd.DataFrame, drawn: pd.DataFrame) -> float:
    """Area under the curve of a classifier that separates `rows` from `drawn` ones."""
    both = np.concatenate([features(rows), features(drawn)])
    labels = np.repeat([1, 0], [len(rows), len(drawn)])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(GradientBoostingClassifier(random_state=0), both, labels, cv=folds, scoring="roc_auc")
    return float(scores.mean())


def rarity_auc(taught: pd.DataFrame, held: pd.DataFrame, rare: tuple[str, ...]) -> float:
    """Area under the curve of a regression that learns from `taught` which stats are `rare`, on `held` rows."""
    labels, expected = taught["rarity"].isin(rare), held["rarity"].isin(rare)
    if labels.nunique() < 2 or expected.nunique() < 2:
        return 0.5  # without rare rows nothing can be learned or predicted
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(taught[list(STATS)], labels)
    return float(roc_auc_score(expected, model.predict_proba(held[list(STATS)])[:, 1]))


def valid(row: dict[str, Any]) -> bool:
    """Whether a row has six integers in 1..255, one type or two different ones, and a rarity."""
    stats = [row[name] for name in STATS]
    whole = all(float(value).is_integer() and 1 <= value <= 255 for value in stats)
    kinds = row["type1"] in TYPES and (row["type2"] in TYPES or row["type2"] == "none")
    return bool(whole and kinds and row["type1"] != row["type2"] and row["rarity"] in RARITIES)
