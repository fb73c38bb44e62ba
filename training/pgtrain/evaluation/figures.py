"""Figures of sets of pictures, from their features or their alpha."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from pgtrain.evaluation.features.extractors import Features

Figures = dict[str, float]

LEAST_ISLAND = 0.01
"""Area of a separate piece, as a share of the largest one's, from which it counts as an island."""

VISIBLE = 128
"""Alpha, of 255, from which a pixel belongs to a piece."""


def kernel_distance(drawn: Tensor, real: Tensor) -> Figures:
    """KID (Binkowski et al., 2018, arXiv:1801.01401) of features (N, F) and (M, F), with its 95 % interval.

    The unbiased estimate over as many pictures as the smaller set has, so that small sets can be compared; it may be
    slightly negative. The interval is 1.96 standard errors, by the first-order variance of a U-statistic (Hoeffding,
    1948), from the deviation of the kernel's means per pair of a drawn and a real picture: the variation with other
    pictures of the same generator and other artwork of the same kind.
    """
    count = min(len(drawn), len(real))
    first, second = drawn[_sample(len(drawn), count)].double(), real[_sample(len(real), count)].double()
    crossed = _kernel(first, second)
    pairs = _kernel(first, first) + _kernel(second, second) - crossed - crossed.T
    means = pairs.fill_diagonal_(0).sum(1) / (count - 1)
    distance, margin = float(means.mean()), 1.96 * 2 * float(means.std()) / count**0.5
    return {"kid": distance, "kid_low": distance - margin, "kid_high": distance + margin}


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first @ second.T / first.shape[1] + 1) ** 3


def _sample(count: int, size: int) -> Tensor:
    """Draw `size` of `count` indices at random, deterministically."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:size]


def frechet_distance(drawn: Tensor, real: Tensor) -> Figures:
    """FID (Heusel et al., 2017, arXiv:1706.08500) of features (N, F) and (M, F), and its number of pictures.

    FID is biased upwards, the more the fewer pictures there are. So it compares half of the real pictures, or fewer,
    with as many drawn ones: as many as :func:`floor` compares with the other half.
    """
    count = min(len(drawn), len(real) // 2)
    distance = _frechet(drawn[_sample(len(drawn), count)], real[_sample(len(real), count)])
    return {"fid": distance, "fid_pictures": count}


def _frechet(first: Tensor, second: Tensor) -> float:
    statistics = (fid_features_to_statistics(values.double()) for values in (first, second))
    return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])


def precision_recall(drawn: Tensor, real: Tensor) -> Figures:
    """Improved precision and recall (Kynkäänniemi et al., 2019, arXiv:1904.06991) of features (N, F) and (M, F)."""
    neighbors = min(3, len(drawn) - 1, len(real) - 1)
    precision, recall = calculate_precision_recall_full(drawn, real, neighborhood=neighbors)
    return {"precision": precision, "recall": recall}


def floor(real: Tensor, pictures: int) -> Figures:
    """Compare one random half of the real pictures with the other: the best that a generator can reach.

    `pictures` is the number of drawn ones, see :func:`frechet_distance`.
    """
    order, half = _sample(len(real), len(real)), len(real) // 2
    first, second = real[order[:half]], real[order[half:]]
    return kernel_distance(second, first) | {"fid": _frechet(second[:pictures], first[:pictures])}


def spread(embeddings: Tensor) -> float:
    """Mean cosine distance of two different pictures, from unit vectors (N, E): 0 if all are the same."""
    count = len(embeddings)
    similarity = (embeddings @ embeddings.T).sum() - count
    return 1 - float(similarity) / max(1, count * (count - 1))


def islands(pictures: Tensor) -> float:
    """Share of pictures with a separate piece, not connected to the body, of more than LEAST_ISLAND of its area.

    Args:
        pictures: premultiplied RGBA, uint8 (N, 4, S, S). Pixels that touch at a corner are connected.
    """
    count = 0
    for alpha in pictures[:, 3].cpu().numpy():
        labels, pieces = ndimage.label(alpha >= VISIBLE, np.ones((3, 3)))
        areas = np.bincount(labels.ravel())[1 : pieces + 1]
        count += int((areas > LEAST_ISLAND * areas.max()).sum() > 1) if pieces else 0
    return count / len(pictures)


def retrieval(drawn: Features, real: Features, prompts: list[str], names: list[str]) -> Figures:
    """Rank the real pictures by similarity to each drawn one, and find the rank of the Pokémon in its prompt.

    `prompts` name the N drawn pictures and `names` the M real ones. Ranks count from 1; chance is (M + 1) / 2.
    """
    order = (drawn.embeddings @ real.embeddings.T).argsort(1, descending=True)
    matching = torch.tensor([[name == prompt for name in names] for prompt in prompts])
    ranks = matching.gather(1, order).float().argmax(1) + 1
    return {
        "median_rank": float(ranks.median()),
        "chance_rank": (len(names) + 1) / 2,
        "first": float((ranks == 1).float().mean()),
        "among_first_ten": float((ranks <= 10).float().mean()),
        "mean_reciprocal_rank": float((1 / ranks).mean()),
    }
