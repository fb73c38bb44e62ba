"""Feature networks: two from pip, the package's own, and one whose weights are downloaded."""

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from pgtrain.data.sources.download import reason, socket_timeout
from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation.features.artwork import load_network, resized
from pgtrain.evaluation.features.dinov2 import load_dinov2
from pgtrain.models.efficientnet_lite import load_lite

FeatureName = Literal["imagenet", "artwork", "dinov2-small", "inception"]
CHUNK = 32
INCEPTION_LAYER = "2048"
"""The layer that torch-fidelity compares."""

IMAGENET_SIDE = 224
"""Pixels a side that EfficientNet-Lite0 was trained with; smaller pictures are enlarged."""


class Features(NamedTuple):
    """Features of N pictures: `values`, float (N, F), for comparing distributions; `embeddings`, unit vectors (N, E),
    for comparing single pictures.
    """

    values: Tensor
    embeddings: Tensor


Extractor = Callable[[Tensor], Features]
"""Maps uint8 RGB pictures (N, 3, S, S) to their features."""

Network = Callable[[Tensor], Tensor]
"""Maps uint8 RGB pictures (N, 3, S, S) to features (N, F)."""


def load_features(name: FeatureName, weights: Path | None = None) -> Extractor:
    """Load a feature network.

    Args:
        name: the features that distributions are compared in. "imagenet" and "dinov2-small" come with pip and never saw
            the artwork; "artwork" is the package's own; "inception", the network of FID and KID as published, is
            torch-fidelity's, whose weights are downloaded once.
        weights: a file with the weights of "inception", for machines without a network.

    Embeddings are always those of the package's own network, which was trained to recognize pictures: in networks
    trained on photographs, the same few pictures are nearest to every blurry one.

    Raises:
        FeaturesNotFound: the weights cannot be loaded.
    """
    own = load_network()
    network = None if name == "artwork" else _in_chunks(_load(name, weights))

    @torch.no_grad()
    def extract(pictures: Tensor) -> Features:
        parts = [own(resized(chunk.float() / 255)) for chunk in torch.split(pictures, CHUNK)]
        values, embeddings = (torch.cat(column) for column in zip(*parts, strict=True))
        return Features(network(pictures) if network else values, embeddings)

    return extract


def load_second() -> Network:
    """Load the second feature network: RGB uint8 (N, 3, S, S) to DINOv2's features, float32 (N, F).

    Raises:
        FeaturesNotFound: the weights cannot be loaded.
    """
    return _in_chunks(load_dinov2())


def _in_chunks(network: Network) -> Network:
    return lambda pictures: torch.cat([network(chunk) for chunk in torch.split(pictures, CHUNK)])


def _load(name: FeatureName, weights: Path | None) -> Network:
    if name == "imagenet":
        return _load_imagenet()
    return load_dinov2() if name == "dinov2-small" else _load_inception(weights)


def _load_imagenet() -> Network:
    """Load EfficientNet-Lite0: RGB uint8 (N, 3, S, S) to the means of its last layer's features, float (N, 1280)."""
    network = load_lite(0, "evaluate").to(memory_format=torch.channels_last).eval()
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True  # for speed

    def extract(pictures: Tensor) -> Tensor:
        scaled = (resized(pictures.float() / 255, IMAGENET_SIDE) * 255 - 127) / 128  # as in its training
        features: Tensor = network.extract_features(scaled.contiguous(memory_format=torch.channels_last))
        return features.mean((2, 3))

    return extract


def _load_inception(weights: Path | None) -> Network:
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
    return lambda pictures: network(pictures)[0].float()  # it is in evaluation mode
