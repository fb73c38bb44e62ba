"""Pictures as networks see them, in 0..1: RGBA (4 channels, premultiplied) or RGB on white (3 channels)."""

import torch
from torch import Tensor

from pgtrain.models.layers import premultiply


def visible(logits: Tensor) -> Tensor:
    """Map a generator's logits (N, 4 or 3, S, S) to float32 premultiplied RGBA, or to RGB."""
    return premultiply(logits) if logits.shape[1] == 4 else torch.sigmoid(logits.float())


def on_white(premultiplied: Tensor) -> Tensor:
    """Lay premultiplied RGBA pictures (N, 4, S, S) on white: RGB (N, 3, S, S)."""
    return premultiplied[:, :3] + (1 - premultiplied[:, 3:])


def grounded(pictures: Tensor, channels: int) -> Tensor:
    """Keep premultiplied RGBA pictures (N, 4, S, S) for 4 `channels`; lay them on white, (N, 3, S, S), for 3."""
    return pictures if channels == 4 else on_white(pictures)


def as_rgba(pictures: Tensor) -> Tensor:
    """Give RGB pictures (N, 3, S, S) an opaque alpha channel; leave RGBA as it is."""
    return pictures if pictures.shape[1] == 4 else torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
