"""Figures computed from features."""

from typing import Any

import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from pgtrain.evaluation.features import Features

Figures = dict[str, float]
SUBSETS = 100
"""Random halves that the kernel distance is averaged over."""


def kernel_distance(drawn: Tensor, real: Tensor) -> Figures:
    """KID (Binkowski et al., 2018, arXiv:1801.01401) of features (N, F) and (M, F): mean and deviation over subsets.

    Unbiased, so small sets may be compared; slightly below 0 is possible.
    """
    size = max(2, min(len(drawn), len(real)) // 2)
    options: Any = {"kid_subsets": SUBSETS, "kid_subset_size": size, "rng_seed": 0, "verbose": False}
    found = kid_features_to_metric(drawn, real, **options)
    mean, deviation = (found[f"kernel_inception_distance_{name}"] for name in ("mean", "std"))
    return {"kid": mean, "kid_deviation": deviation}


def frechet_distance(drawn: Tensor, real: Tensor) -> Figures:
    """FID (Heusel et al., 2017, arXiv:1706.08500) of features (N, F) and (M, F).

    Biased upwards for small sets: compare it only between sets of one size.
    """
    first, second = (fid_features_to_statistics(values.double()) for values in (drawn, real))
    return {"fid": fid_statistics_to_metric(first, second, verbose=False)["frechet_inception_distance"]}


def precision_recall(drawn: Tensor, real: Tensor) -> Figures:
    """Shares of drawn pictures among the real ones, and the reverse (Kynkäänniemi et al., 2019, arXiv:1904.06991)."""
    near = min(3, len(drawn) - 1, len(real) - 1)
    precision, recall = calculate_precision_recall_full(drawn, real, neighborhood=near)
    return {"precision": precision, "recall": recall}


def floor(real: Tensor) -> Figures:
    """Compare one random half of the real pictures with the other: what no generator can be better than."""
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    first, second = real[order].chunk(2)
    return kernel_distance(first, second) | frechet_distance(first, second)


def spread(embeddings: Tensor) -> float:
    """Mean cosine distance between two different pictures, of unit vectors (N, E): 0 where all are alike."""
    count = len(embeddings)
    likeness = (embeddings @ embeddings.T).sum() - count
    return 1 - float(likeness) / max(1, count * (count - 1))


def neighbours(drawn: Features, real: Features, mirrored: Features, count: int = 5) -> tuple[Tensor, Tensor]:
    """Find the nearest real pictures of each drawn one, by the nearer of a picture and its mirror image.

    Returns:
        cosine distances, float (N, `count`), nearest first; and indices of `real`, int64 (N, `count`).
    """
    likeness = torch.maximum(drawn.embeddings @ real.embeddings.T, drawn.embeddings @ mirrored.embeddings.T)
    found = likeness.topk(min(count, likeness.shape[1]), dim=1)
    return 1 - found.values, found.indices


def memorisation(nearest: Tensor, real: Features, mirrored: Features) -> Figures:
    """Set the distances (N,) of drawn pictures to the nearest real one beside those among the real pictures.

    `nearer_than_any_two` is the share of drawn pictures that lie nearer to a real one than all but 1 % of the real
    ones lie to another: copies, or nearly.
    """
    among = torch.maximum(real.embeddings @ real.embeddings.T, real.embeddings @ mirrored.embeddings.T)
    among.fill_diagonal_(-1)
    own = 1 - among.amax(1)
    return {
        "nearest_real": float(nearest.median()),
        "nearest_among_real": float(own.median()),
        "nearer_than_any_two": float((nearest < own.quantile(0.01)).float().mean()),
    }


def retrieval(drawn: Features, real: Features, wanted: list[str], names: list[str]) -> Figures:
    """Rank the real pictures by their likeness to each drawn one: where does the Pokémon that was asked for stand?

    `wanted` names the N drawn pictures and `names` the M real ones. Ranks count from 1; chance is (M + 1) / 2.
    """
    order = (drawn.embeddings @ real.embeddings.T).argsort(1, descending=True)
    same = torch.tensor([[name == one for name in names] for one in wanted])
    ranks = same.gather(1, order).float().argmax(1) + 1
    return {
        "median_rank": float(ranks.median()),
        "chance_rank": (len(names) + 1) / 2,
        "first": float((ranks == 1).float().mean()),
        "among_first_ten": float((ranks <= 10).float().mean()),
        "mean_reciprocal_rank": float((1 / ranks).mean()),
    }
