"""Differentiable augmentation for a discriminator (Zhao et al., 2020, arXiv:2006.10738), made for RGBA.

The same random change is drawn for real and generated pictures alike and gradients pass through it.
Everything keeps premultiplied alpha valid (no colour without coverage). Cutout is left out on purpose:
a transparent rectangle is a picture that a generator with an alpha channel can learn to draw.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgtrain import draws

SHIFT = 0.125
"""Largest translation, as a share of the side."""

ZOOM = 0.1
"""Largest change of scale."""


def augment(pictures: Tensor, alike: int = 1) -> Tensor:
    """Change premultiplied RGBA (N, 4, S, S) or RGB on white (N, 3, S, S), in 0..1, at random; range and shape stay.

    The pictures are `alike` equally large groups, whose first ones change in the same way, whose second ones, ...
    """
    if pictures.shape[1] == 4:
        return _colour(_move(pictures, alike), alike)
    # As ink on white, whose coverage is its strongest colour: so white stays white, also where it moves in.
    ink = 1 - pictures
    return 1 - _colour(_move(torch.cat([ink, ink.amax(1, keepdim=True)], 1), alike), alike)[:, :3]


def _uniform(pictures: Tensor, alike: int) -> Tensor:
    """Draw a number in -1..1 for each picture, the same in every group."""
    return (draws.rand(len(pictures) // alike, device=pictures.device) * 2 - 1).repeat(alike)


def _move(pictures: Tensor, alike: int) -> Tensor:
    count = len(pictures)
    flip = torch.where(_uniform(pictures, alike) < 0, -1.0, 1.0)
    zoom = 1 + ZOOM * _uniform(pictures, alike)
    matrix = torch.zeros(count, 2, 3, device=pictures.device)
    matrix[:, 0, 0], matrix[:, 1, 1] = flip * zoom, zoom
    # affine_grid's coordinates run over 2 units, so a share of the side counts double.
    matrix[:, 0, 2] = 2 * SHIFT * _uniform(pictures, alike)
    matrix[:, 1, 2] = 2 * SHIFT * _uniform(pictures, alike)
    where = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures.float(), where, align_corners=False)


def _colour(pictures: Tensor, alike: int) -> Tensor:
    shape = (len(pictures), 1, 1, 1)
    colour, alpha = pictures[:, :3], pictures[:, 3:]
    brightness = 0.2 * _uniform(pictures, alike).view(shape)
    saturation = 1 + 0.5 * _uniform(pictures, alike).view(shape)
    contrast = 1 + 0.3 * _uniform(pictures, alike).view(shape)
    grey = colour.mean(1, keepdim=True)
    colour = grey + (colour - grey) * saturation
    covered = alpha.mean((1, 2, 3), keepdim=True).clamp(min=1e-3)
    middle = colour.mean((1, 2, 3), keepdim=True) / covered * alpha
    colour = middle + (colour - middle) * contrast + brightness * alpha
    # Not clipped to 0..alpha: a clipped pixel would have no gradient.
    return torch.cat([colour, alpha], 1)
