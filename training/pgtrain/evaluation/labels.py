"""A classifier of type, color and shape, trained only on the artwork, for the labels that drawn pictures show.

Logistic regression on a histogram of colors and on the features of the evaluation. It is trained five times, each time
without a fifth of the evolution families, whose labels it then predicts: its accuracy on this unseen artwork is the
ceiling for drawn pictures. Each drawn picture is classified by one of the five, so that both figures come from
classifiers with equally many training pictures.
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
"""Difference between ceiling and chance below which the share of it is not measurable."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Shown(NamedTuple):
    """The labels of N pictures: `names` of L labels, and `flags`, bool (N, L), of which a picture may have several."""

    names: list[str]
    flags: Flags

    @classmethod
    def of(cls, values: Sequence[tuple[str, ...]], names: list[str] | None = None) -> "Shown":
        """Build the flags from the labels of each picture, of which there may be none."""
        names = names or sorted({name for labels in values for name in labels})
        return cls(names, np.array([[name in labels for name in names] for labels in values], bool))

    def is_separable(self, families: Sequence[str]) -> bool:
        """Whether at least two labels each occur in two families, so that both remain without any one family."""
        numbers = np.unique(np.array(list(families)), return_inverse=True)[1]
        return sum(len(set(numbers[flags])) > 1 for flags in self.flags.T) > 1


def view(pixels: Tensor, values: Tensor) -> Floats:
    """Concatenate the histogram of RGB uint8 (N, 3, S, S) on white and features (N, F): (N, 64 + F)."""
    return torch.cat([_histogram(pixels), values.float()], 1).numpy()


def _histogram(pixels: Tensor) -> Tensor:
    """Square roots of the share of each color among the pixels that are not nearly white: float (N, 64)."""
    colored = (pixels.amin(1) < 240).float()
    red, green, blue = (pixels.long() * STEPS // 256).unbind(1)
    bins = (red * STEPS + green) * STEPS + blue
    counts = torch.zeros(len(pixels), STEPS**3).scatter_add_(1, bins.flatten(1), colored.flatten(1))
    return (counts / counts.sum(1, keepdim=True).clamp(min=1)).sqrt()


class Classifier:
    """A classifier of one kind of label."""

    def __init__(self, seen: Floats, mirrored: Floats, shown: Shown, families: Sequence[str]) -> None:
        """Train on N real pictures and their mirror images, each (N, D) as :func:`view` returns them."""
        self.shown = shown
        self.predictions = np.zeros(len(seen), int)
        """The label predicted for each real picture by the model trained without its family: indices (N,)."""
        self.models: list[Any] = []
        folds = GroupKFold(max(2, min(FOLDS, len(set(families)))))
        for rows, held in folds.split(seen, groups=families):
            self.models.append(self._trained(seen[rows], mirrored[rows], shown.flags[rows]))
            self.predictions[held] = self.models[-1].predict(seen[held])

    def _trained(self, seen: Floats, mirrored: Floats, flags: Flags) -> Any:
        rows, labels = np.nonzero(np.concatenate([flags, flags]))  # a picture of two types is an example of both
        examples = np.concatenate([seen, mirrored])[rows]
        colors, features = STEPS**3, seen.shape[1] - STEPS**3
        parts = [
            ("colors", StandardScaler(), slice(0, colors)),
            (
                "features",
                make_pipeline(StandardScaler(), PCA(min(COMPONENTS, features, len(examples)), random_state=0)),
                slice(colors, None),
            ),
        ]
        # Weighted so that the number of columns of a part makes no difference.
        weights = {"colors": colors**-0.5, "features": features**-0.5}
        columns = ColumnTransformer(parts, transformer_weights=weights)
        return make_pipeline(columns, LogisticRegression(C=0.3, max_iter=300)).fit(examples, labels)

    def predict(self, seen: Floats) -> NDArray[np.int64]:
        """Predict the label of each drawn picture (N, D): indices (N,)."""
        labels = np.zeros(len(seen), np.int64)
        for turn, model in enumerate(self.models):
            share = seen[turn :: len(self.models)]
            if len(share):
                labels[turn :: len(self.models)] = model.predict(share)
        return labels


def agreement(predictions: NDArray[np.int64], right: Flags, ceiling: float | None = None) -> dict[str, float | None]:
    """Compare the labels predicted for N pictures, indices, with the right ones, bool (N, L).

    `found` is the share of right predictions, `floor` that with shuffled prompts. With the `ceiling`, that of real
    artwork, `share` is the position of `found` between the two: 1 like real artwork, 0 like chance; None if the ceiling
    is hardly above chance.
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
