"""Copying: distances of drawn pictures to the artwork, relative to distances within the artwork.

Distances are cosine distances of embeddings, to the nearer of a real picture and its mirror image.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pgtrain.evaluation.features.extractors import Features
from pgtrain.evaluation.figures import Figures

NEAREST = 5
"""Real pictures that are shown beside each drawn one."""


class Artwork:
    """The embeddings of the real pictures, and their families."""

    def __init__(self, real: Features, mirrored: Features, families: Sequence[str], held: Tensor) -> None:
        """Take the features of N pictures and of their mirror images, their families, and `held`, bool (N,).

        `held` tells which pictures were held out from training.
        """
        self.real, self.mirrored, self.held = real, mirrored, held
        among = self.distances(real)
        numbers = {family: number for number, family in enumerate(dict.fromkeys(families))}
        family = torch.tensor([numbers[name] for name in families])
        among[family[:, None] == family] = torch.inf
        self.among = among.amin(1)
        """Distance of each real picture to the nearest one of another family, float (N,)."""

    def distances(self, drawn: Features) -> Tensor:
        """Measure the distance of each drawn picture to each real one: float (N, M)."""
        plain, mirrored = (drawn.embeddings @ real.embeddings.T for real in (self.real, self.mirrored))
        return 1 - torch.maximum(plain, mirrored)

    def nearest(self, drawn: Features) -> Tensor:
        """Find the NEAREST real pictures to each drawn one, nearest first: indices, int64 (N, K)."""
        return self.distances(drawn).topk(min(NEAREST, len(self.held)), dim=1, largest=False).indices

    def copying(self, drawn: Features) -> Figures:
        """Measure the distances of drawn pictures to those of the training.

        `nearest` is the median distance to the nearest training picture, `among_real` that of a real picture to the
        nearest one of another family; `closest` and `closest_real` are the minima of both. `copies` is the number of
        drawn pictures below `closest_real`, and `rate` their share below the 1 % quantile of the real distances.
        `nearer_to_trained`, only with held-out families, is the share of drawn pictures that are nearer to training
        pictures than to as many held-out ones: 0.5 without memorization.
        """
        distances = self.distances(drawn)
        near = distances[:, ~self.held].amin(1)
        results = {
            "pictures": len(near),
            "nearest": float(near.median()),
            "among_real": float(self.among.median()),
            "closest": float(near.min()),
            "closest_real": float(self.among.min()),
            "copies": int((near < self.among.min()).sum()),
            "rate": float((near < self.among.quantile(0.01)).float().mean()),
        }
        return results | self._relative_to_held_out(distances)

    def _relative_to_held_out(self, distances: Tensor) -> Figures:
        held = self.held.nonzero()[:, 0]
        if not len(held):
            return {}
        trained = (~self.held).nonzero()[:, 0]
        rng = torch.Generator().manual_seed(0)
        to_held = distances[:, held].amin(1)
        shares = []
        for _ in range(20):  # samples of equal size: the nearest of more pictures is nearer by chance
            sample = trained[torch.randperm(len(trained), generator=rng)[: len(held)]]
            shares.append((distances[:, sample].amin(1) < to_held).float().mean())
        return {"nearer_to_trained": float(torch.stack(shares).mean()), "nearest_held_out": float(to_held.median())}
