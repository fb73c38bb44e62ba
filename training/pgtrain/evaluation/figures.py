"""Figures computed from features."""

import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from pgtrain.evaluation.features.extractors import Features

Figures = dict[str, float]


def kernel_distance(drawn: Tensor, real: Tensor) -> Figures:
    """KID (Binkowski et al., 2018, arXiv:1801.01401) of features (N, F) and (M, F), with its 95 % interval.

    The unbiased estimate over all pictures of the smaller count, so small sets may be compared; slightly below 0 is
    possible. The interval is 1.96 standard errors, by the first-order variance of a U-statistic (Hoeffding, 1948): the
    kernel's mean is taken for each pair of a drawn and a real picture, and the deviation of those means counts. It
    tells what other pictures of the same generator and other artwork of the same kind would change.
    """
    count = min(len(drawn), len(real))
    first, second = drawn[_chosen(len(drawn), count)].double(), real[_chosen(len(real), count)].double()
    crossed = _kernel(first, second)
    pairs = _kernel(first, first) + _kernel(second, second) - crossed - crossed.T
    means = pairs.fill_diagonal_(0).sum(1) / (count - 1)
    distance, reach = float(means.mean()), 1.96 * 2 * float(means.std()) / count**0.5
    return {"kid": distance, "kid_low": distance - reach, "kid_high": distance + reach}


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first @ second.T / first.shape[1] + 1) ** 3


def _chosen(count: int, size: int) -> Tensor:
    """Choose `size` of `count` indices at random, the same ones at each call."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:size]


def frechet_distance(drawn: Tensor, real: Tensor) -> Figures:
    """FID (Heusel et al., 2017, arXiv:1706.08500) of features (N, F) and (M, F), and `fid_pictures`, the N in it.

    It is biased upwards, the more so the fewer pictures there are. So it is taken between as many drawn pictures as
    half of the real ones and that half, or fewer of both, which is what the floor compares with the other half.
    """
    count = min(len(drawn), len(real) // 2)
    some = real[_chosen(len(real), count)]
    return {"fid": _frechet(drawn[_chosen(len(drawn), count)], some), "fid_pictures": count}


def _frechet(first: Tensor, second: Tensor) -> float:
    statistics = (fid_features_to_statistics(values.double()) for values in (first, second))
    return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])


def precision_recall(drawn: Tensor, real: Tensor) -> Figures:
    """Shares of drawn pictures among the real ones, and the reverse (Kynkäänniemi et al., 2019, arXiv:1904.06991)."""
    near = min(3, len(drawn) - 1, len(real) - 1)
    precision, recall = calculate_precision_recall_full(drawn, real, neighborhood=near)
    return {"precision": precision, "recall": recall}


def floor(real: Tensor, pictures: int) -> Figures:
    """Compare one random half of the real pictures with the other: what no generator can be better than.

    `pictures` is how many were drawn, for :func:`frechet_distance`.
    """
    order, half = _chosen(len(real), len(real)), len(real) // 2
    first, second = real[order[:half]], real[order[half:]]
    return kernel_distance(second, first) | {"fid": _frechet(second[:pictures], first[:pictures])}


def spread(embeddings: Tensor) -> float:
    """Mean cosine distance between two different pictures, of unit vectors (N, E): 0 where all are alike."""
    count = len(embeddings)
    likeness = (embeddings @ embeddings.T).sum() - count
    return 1 - float(likeness) / max(1, count * (count - 1))


def retrieval(drawn: Features, real: Features, prompts: list[str], names: list[str]) -> Figures:
    """Rank the real pictures by their likeness to each drawn one, and find the Pokémon of its prompt in that order.

    `prompts` name the N drawn pictures and `names` the M real ones. Ranks count from 1; chance is (M + 1) / 2.
    """
    order = (drawn.embeddings @ real.embeddings.T).argsort(1, descending=True)
    same = torch.tensor([[name == one for name in names] for one in prompts])
    ranks = same.gather(1, order).float().argmax(1) + 1
    return {
        "median_rank": float(ranks.median()),
        "chance_rank": (len(names) + 1) / 2,
        "first": float((ranks == 1).float().mean()),
        "among_first_ten": float((ranks <= 10).float().mean()),
        "mean_reciprocal_rank": float((1 / ranks).mean()),
    }
