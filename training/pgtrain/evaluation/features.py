"""Feature networks to judge pictures by: one from pip, the package's own, and two whose weights are downloaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation.imagenet import SIDE, load_imagenet
from pgtrain.evaluation.network import load_network, resized

FeatureName = Literal["imagenet", "artwork", "inception", "dinov2"]
LAYERS = {"inception": "2048", "dinov2": "dinov2"}
"""The layer of each downloaded network that torch-fidelity takes distances in."""


class Features(NamedTuple):
    """Of N pictures: `values` float (N, F), in which distributions are compared; `embeddings` unit vectors (N, E),
    in which single pictures are.
    """

    values: Tensor
    embeddings: Tensor

    def take(self, indices: Tensor) -> "Features":
        """Select pictures."""
        return Features(self.values[indices], self.embeddings[indices])


Extractor = Callable[[Tensor], Features]
"""Maps uint8 RGB pictures (N, 3, S, S) to their features."""


def load_features(name: FeatureName, weights: Path | None = None) -> Extractor:
    """Load a feature network.

    Args:
        name: "imagenet" comes with pip and never saw the artwork; "artwork" is the package's own; "inception" (the
            network of FID and KID as published) and "dinov2" are torch-fidelity's, whose weights are downloaded once.
        weights: a file of their weights, for machines that cannot download.

    Raises:
        FeaturesNotFound: the weights cannot be had.
    """
    if name == "imagenet":
        return _imagenet()
    return _own() if name == "artwork" else _downloaded(name, weights)


def _imagenet() -> Extractor:
    network = load_imagenet()

    @torch.no_grad()
    def extract(pictures: Tensor) -> Features:
        values = torch.cat([network(resized(chunk.float() / 255, SIDE)) for chunk in torch.split(pictures, 32)])
        return Features(values, F.normalize(values, dim=1))

    return extract


def _own() -> Extractor:
    network = load_network()

    @torch.no_grad()
    def extract(pictures: Tensor) -> Features:
        parts = [network(resized(chunk.float() / 255)) for chunk in torch.split(pictures, 64)]
        return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))

    return extract


def _downloaded(name: str, weights: Path | None) -> Extractor:
    from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    kinds: dict[str, Any] = {"inception": FeatureExtractorInceptionV3, "dinov2": FeatureExtractorDinoV2}
    file = str(weights) if weights else None
    try:
        network = kinds[name](name, [LAYERS[name]], feature_extractor_weights_path=file).eval()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise FeaturesNotFound(
            f"the weights of {name} cannot be had ({reason}); "
            "download them elsewhere and name the file with --weights, or take --features artwork"
        ) from error

    @torch.no_grad()
    def extract(pictures: Tensor) -> Features:
        values = torch.cat([network(chunk)[0].float() for chunk in torch.split(pictures, 32)])
        return Features(values, F.normalize(values, dim=1))

    return extract
