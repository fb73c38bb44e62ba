"""Feature networks to judge pictures by: two from pip, the package's own, and one whose weights are downloaded."""

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pgtrain.data.sources.download import reason, socket_timeout
from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation.features.artwork import load_network, resized
from pgtrain.evaluation.features.dinov2 import load_dinov2
from pgtrain.evaluation.features.imagenet import load_imagenet

FeatureName = Literal["imagenet", "artwork", "dinov2-small", "inception"]
CHUNK = 32
INCEPTION_LAYER = "2048"
"""The layer that torch-fidelity takes distances in."""


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
        name: whose features distributions are compared in. "imagenet" and "dinov2-small" come with pip and never saw
            the artwork; "artwork" is the package's own; "inception", the network of FID and KID as published, is
            torch-fidelity's, whose weights are downloaded once.
        weights: a file of the weights of "inception", for machines that cannot download.

    Single pictures are compared in the package's own network whatever the name, because it was taught to find a picture
    again: in a network of photographs the same few pictures lie nearest to whatever is drawn softly.

    Raises:
        FeaturesNotFound: the weights cannot be loaded.
    """
    own = load_network()
    network = _network(name, weights)

    @torch.no_grad()
    def extract(pictures: Tensor) -> Features:
        parts = [own(resized(chunk.float() / 255)) for chunk in torch.split(pictures, CHUNK)]
        values, embeddings = (torch.cat(column) for column in zip(*parts, strict=True))
        if network is not None:
            values = torch.cat([network(chunk) for chunk in torch.split(pictures, CHUNK)])
        return Features(values, embeddings)

    return extract


def load_second() -> Callable[[Tensor], Tensor]:
    """Load the second judge: RGB uint8 (N, 3, S, S) to DINOv2's features, float32 (N, F).

    Raises:
        FeaturesNotFound: the weights cannot be loaded.
    """
    network = load_dinov2()
    return lambda pictures: torch.cat([network(chunk) for chunk in torch.split(pictures, CHUNK)])


def _network(name: FeatureName, weights: Path | None) -> Callable[[Tensor], Tensor] | None:
    if name == "artwork":
        return None
    if name == "imagenet":
        return load_imagenet()
    return load_dinov2() if name == "dinov2-small" else _inception(weights)


def _inception(weights: Path | None) -> Callable[[Tensor], Tensor]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file = str(weights) if weights else None
    try:
        with socket_timeout():
            network = FeatureExtractorInceptionV3("inception", [INCEPTION_LAYER], feature_extractor_weights_path=file)
    except (OSError, HTTPException, RuntimeError, ValueError, KeyError) as error:
        raise FeaturesNotFound(
            f"the weights of inception cannot be loaded ({reason(error)}); "
            "download the weights elsewhere and name their file, or choose the features imagenet"
        ) from error
    return lambda pictures: network(pictures)[0].float()  # in evaluation mode by itself
