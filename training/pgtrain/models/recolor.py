"""Random recoloring of whole pictures, so that an autoencoder takes colors from the color code alone."""

import math

import torch
from torch import Tensor

from pgtrain.engine import rng

TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""RGB to luma and two chroma axes (the NTSC matrix): a rotation of the latter is a change of hue."""

FROM_YIQ = torch.linalg.inv(TO_YIQ)


def recolor(pictures: Tensor, keep: float) -> Tensor:
    """Give premultiplied RGBA pictures (N, 4, S, S) other colors; a share `keep` of them stays as it is.

    Hue is rotated, saturation scaled, and lightness bent; nearly half are drawn toward two tones of one hue. Alpha
    stays, and color never exceeds it.
    """
    device = pictures.device
    random = rng.rand(len(pictures), 10, device=device)
    changed = _changed(pictures.float(), random[:, 1:])
    kept = (random[:, 0] < keep)[:, None, None, None]
    return torch.where(kept, pictures, changed)


def _changed(pictures: Tensor, random: Tensor) -> Tensor:
    count, _, side, _ = pictures.shape
    alpha = pictures[:, 3:].flatten(2)
    straight = pictures[:, :3].flatten(2) / alpha.clamp(min=1 / 255)
    turn, saturation, gray, bend, bends, hue, vivid, light, toned = random[:, :9].unbind(1)
    angle = 2 * math.pi * turn
    scale = torch.where(gray < 0.15, 0.1, 0.5 + saturation)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rotation = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(count, 3, 3)
    matrix = FROM_YIQ.to(straight) @ rotation @ TO_YIQ.to(straight)
    luma = (TO_YIQ[0].to(straight)[None, :, None] * straight).sum(1, keepdim=True).clamp(1e-3, 1)
    bent = luma ** torch.exp2((1.8 * bend - 0.9) * (bends < 0.6))[:, None, None]
    turned = matrix @ straight + (bent - luma)
    base = _rgb(hue, torch.where(vivid < 0.2, 0.05, 0.3 + 0.65 * vivid), 0.25 + 0.7 * light)[:, :, None]
    two_toned = torch.where(bent < 0.5, base * (0.15 + 1.7 * bent), base + (1 - base) * (2 * bent - 1))
    share = (torch.where(toned < 0.45, 0.6 + toned * 0.88, 0.0))[:, None, None]
    color = (turned + share * (two_toned - turned)).clamp(0, 1) * alpha
    return torch.cat([color.view(count, 3, side, side), pictures[:, 3:]], 1)


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """HSV (N,) each, in 0..1, to RGB (N, 3)."""

    def channel(offset: int) -> Tensor:
        sector = (offset + 6 * hue) % 6
        return value - value * saturation * torch.minimum(sector, 4 - sector).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], 1)
