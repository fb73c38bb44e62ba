"""A classifier of type, color and shape, trained on the artwork alone, for what drawn pictures show.

Logistic regression on a histogram of colors and on the features that the pictures are judged in. It is trained five
times, each time without a fifth of the evolution families, and asked about those: what it then knows of real artwork
that it has not seen is the ceiling for drawn pictures. Each of those is judged by one of the five, so that the two
figures come from classifiers trained on as much.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

FOLDS = 5
COMPONENTS = 300
STEPS = 4
"""Steps of each of red, green and blue in the histogram."""

LEAST_SPAN = 0.01
"""Between chance and real artwork, below which nothing can be measured as a share of it."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Shown(NamedTuple):
    """What is right: `names` of L labels, and for N pictures whether each is so, bool (N, L), one or more a picture."""

    names: list[str]
    flags: Flags

    @classmethod
    def of(cls, values: Sequence[tuple[str, ...]], names: list[str] | None = None) -> "Shown":
        """Mark each picture's labels; one without any has none."""
        known = names or sorted({name for each in values for name in each})
        return cls(known, np.array([[name in each for name in known] for each in values], bool))

    def is_separable(self, families: Sequence[str]) -> bool:
        """Whether two labels or more are each held by two families or more: then any part without one shows both."""
        number = np.unique(np.array(list(families)), return_inverse=True)[1]
        return sum(len(set(number[flags])) > 1 for flags in self.flags.T) > 1


def view(pixels: Tensor, values: Tensor) -> Floats:
    """Join histogram and features: RGB uint8 (N, 3, S, S) on white and (N, F) to (N, 64 + F)."""
    return torch.cat([_histogram(pixels), values.float()], 1).numpy()


def _histogram(pixels: Tensor) -> Tensor:
    """Share of each color among the pixels that are not nearly white, square roots: float (N, 64)."""
    inked = (pixels.amin(1) < 240).float()
    red, green, blue = (pixels.long() * STEPS // 256).unbind(1)
    bins = (red * STEPS + green) * STEPS + blue
    counts = torch.zeros(len(pixels), STEPS**3).scatter_add_(1, bins.flatten(1), inked.flatten(1))
    return (counts / counts.sum(1, keepdim=True).clamp(min=1)).sqrt()


class Classifier:
    """A classifier of one kind of label."""

    def __init__(self, seen: Floats, mirrored: Floats, shown: Shown, families: Sequence[str]) -> None:
        """Teach it on N real pictures and their mirror images, each (N, D) as :func:`view` gives them."""
        self.shown = shown
        self.predictions = np.zeros(len(seen), int)
        """The label that it predicts of each real picture without having seen its family: indices."""
        self.models: list[Any] = []
        folds = GroupKFold(max(2, min(FOLDS, len(set(families)))))
        for rows, held in folds.split(seen, groups=families):
            self.models.append(self._taught(seen[rows], mirrored[rows], shown.flags[rows]))
            self.predictions[held] = self.models[-1].predict(seen[held])

    def _taught(self, seen: Floats, mirrored: Floats, flags: Flags) -> Any:
        rows, labels = np.nonzero(np.concatenate([flags, flags]))  # a picture of two types teaches both
        both = np.concatenate([seen, mirrored])[rows]
        colors, features = STEPS**3, seen.shape[1] - STEPS**3
        parts = [
            ("colors", StandardScaler(), slice(0, colors)),
            (
                "features",
                make_pipeline(StandardScaler(), PCA(min(COMPONENTS, features, len(both)), random_state=0)),
                slice(colors, None),
            ),
        ]
        # Weighted so that neither part counts for more because it has more columns.
        weights = {"colors": colors**-0.5, "features": features**-0.5}
        columns = ColumnTransformer(parts, transformer_weights=weights)
        return make_pipeline(columns, LogisticRegression(C=0.3, max_iter=300)).fit(both, labels)

    def predict(self, seen: Floats) -> NDArray[np.int64]:
        """Predict the label of each drawn picture (N, D): indices (N,)."""
        labels = np.zeros(len(seen), np.int64)
        for turn, model in enumerate(self.models):
            mine = seen[turn :: len(self.models)]
            if len(mine):
                labels[turn :: len(self.models)] = model.predict(mine)
        return labels


def agreement(predictions: NDArray[np.int64], right: Flags, ceiling: float | None = None) -> dict[str, float | None]:
    """Compare the labels predicted of N pictures, indices, with those that are right, bool (N, L).

    `found` is the share that agrees, and `floor` what it would be had the prompts been shuffled. With the `ceiling`,
    which real artwork reaches, `share` is how far between the two `found` is: 1 as real artwork, 0 as by chance; None
    where real artwork itself agrees hardly more than by chance.
    """
    labeled = right.any(1)
    predictions, right = predictions[labeled], right[labeled]
    found = float(right[np.arange(len(predictions)), predictions].mean())
    floor = float(right[:, predictions].mean())
    if ceiling is None:
        return {"found": found, "floor": floor}
    span = ceiling - floor
    share = (found - floor) / span if span >= LEAST_SPAN else None
    return {"found": found, "floor": floor, "ceiling": ceiling, "share": share}
