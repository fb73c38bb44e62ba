"""EfficientNet-Lite0, trained on ImageNet, as a judge; see :mod:`pgtrain.models.efficientnet_lite`.

It never saw the artwork, so it knows what it judges from no training picture; and it needs no download of its own.
"""

import torch
from torch import Tensor, nn

from pgtrain.evaluation.features.artwork import resized
from pgtrain.models.efficientnet_lite import load_lite

SIDE = 224
"""Pixels a side that it was trained at; smaller pictures are enlarged."""


def load_imagenet() -> nn.Module:
    """Load the network: RGB uint8 (N, 3, S, S) to the means of its last layer's features, float (N, 1280).

    Raises:
        MissingExtra: the packages of network and weights are not installed.
    """
    network = load_lite(0, "evaluate")
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True  # for speed
    return _Pooled(network).eval()


class _Pooled(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        scaled = (resized(pictures.float() / 255, SIDE) * 255 - 127) / 128  # as in its training
        features: Tensor = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        return features.mean((2, 3))
