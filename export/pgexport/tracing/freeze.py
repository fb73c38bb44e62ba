"""Computes once, before a network is exported, what is the same in every inference."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn


@torch.no_grad()
def freeze(network: nn.Module) -> None:
    """Prepare `network`, in evaluation mode, for inference alone; in place.

    Modules may have a method `freeze` of their own; in sequences every batch norm is folded into the layer before it.
    """
    for module in list(network.modules()):
        if callable(freeze_module := getattr(module, "freeze", None)):
            freeze_module()
        elif isinstance(module, nn.Sequential):
            _fold_sequence(module)


def _fold_sequence(layers: nn.Sequential) -> None:
    for (home, key, layer), (norm_home, norm_key, norm) in pairwise(list(_leaves(layers))):
        if isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
            home[key] = nn.utils.fuse_conv_bn_eval(layer, norm, transpose=True)
        elif isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            home[key] = nn.utils.fuse_conv_bn_eval(layer, norm)
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            home[key] = nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            continue
        norm_home[norm_key] = nn.Identity()


def _leaves(layers: nn.Sequential) -> Iterator[tuple[nn.Sequential, int, nn.Module]]:
    """Walk the layers of a sequence and of sequences in it, in order: the sequence of each, its index, the layer."""
    for key, layer in enumerate(layers):
        if isinstance(layer, nn.Sequential):
            yield from _leaves(layer)
        else:
            yield layers, key, layer
