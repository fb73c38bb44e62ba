"""Pictures as networks see them, in 0..1: RGBA (4 channels, premultiplied) or RGB on white (3 channels)."""

import torch
from torch import Tensor


def visible(logits: Tensor) -> Tensor:
    """Map a generator's logits (N, 4, S, S) of straight RGBA to float32 premultiplied RGBA, those (N, 3, S, S) to RGB.

    Networks draw straight color, so that exported pictures need no division by alpha; losses see it premultiplied, so
    that the color of invisible pixels costs nothing.
    """
    pictures = torch.sigmoid(logits.float())
    if pictures.shape[1] == 3:
        return pictures
    color, alpha = pictures[:, :3], pictures[:, 3:]
    return torch.cat([color * alpha, alpha], 1)


def on_white(premultiplied: Tensor) -> Tensor:
    """Lay premultiplied RGBA pictures (N, 4, S, S) on white: RGB (N, 3, S, S)."""
    return premultiplied[:, :3] + (1 - premultiplied[:, 3:])


def as_rgba(pictures: Tensor) -> Tensor:
    """Give RGB pictures (N, 3, S, S) an opaque alpha channel; leave RGBA as it is."""
    return pictures if pictures.shape[1] == 4 else torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
