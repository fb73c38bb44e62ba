"""Differentiable augmentation for a discriminator (Zhao et al., 2020, arXiv:2006.10738), for RGBA.

Real and generated pictures are changed by the same distribution, and gradients pass through the changes, all of which
keep premultiplied alpha valid (no color without coverage). Cutout is left out on purpose: a generator with an alpha
channel can learn to draw transparent rectangles.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgtrain.engine import rng

SHIFT = 0.125
"""Largest translation, as a share of the side."""

ZOOM = 0.1
"""Largest change of scale."""

DRAWS = 7
"""Uniform random numbers that decide how :func:`augment` changes a picture."""


def augment(pictures: Tensor, draws: Tensor | None = None, whole_pixels: bool = False) -> Tensor:
    """Change premultiplied RGBA (N, 4, S, S) or RGB on white (N, 3, S, S), in 0..1, at random; range and shape stay.

    Equal `draws`, float (N, DRAWS) in 0..1, change pictures equally; None draws them. With `whole_pixels` no pixels are
    mixed: pictures are not zoomed, and shifted by whole pixels.
    """
    if draws is None:
        draws = rng.rand(len(pictures), DRAWS, device=pictures.device)
    signed = 2 * draws - 1
    if pictures.shape[1] == 4:
        return _color(_move(pictures, signed[:, :4], whole_pixels), signed[:, 4:])
    # As ink on white, whose coverage is its strongest color: so white stays white, also where it moves in.
    ink = 1 - pictures
    moved = _move(torch.cat([ink, ink.amax(1, keepdim=True)], 1), signed[:, :4], whole_pixels)
    return 1 - _color(moved, signed[:, 4:])[:, :3]


def jitter(pictures: Tensor, share: float, whole_pixels: bool = False) -> Tensor:
    """Flip, turn, stretch and shift a `share` of pictures (N, C, S, S) a little; float, same shape.

    With `whole_pixels` they are only flipped and shifted, and pixels are not mixed.
    """
    count, device = len(pictures), pictures.device
    draws = rng.rand(count, 8, device=device)
    changed = (draws[:, 0] < share).float()
    signed = (2 * draws - 1) * changed[:, None]
    flip = torch.where((draws[:, 1] < 0.5) & (changed > 0), -1.0, 1.0)
    turn = 0.18 * signed[:, 2]
    wide, high = (1 + 0.12 * signed[:, number] + 0.04 * changed for number in (3, 4))
    shift = 0.12 * signed[:, 5:7]
    if whole_pixels:
        turn, wide, high = torch.zeros_like(turn), torch.ones_like(wide), torch.ones_like(high)
        shift = _rounded(shift, pictures.shape[-1])
    matrix = torch.zeros(count, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 0, 1] = turn.cos() * wide * flip, -turn.sin() * high
    matrix[:, 1, 0], matrix[:, 1, 1] = turn.sin() * wide * flip, turn.cos() * high
    matrix[:, :, 2] = shift
    return _transformed(pictures, matrix, whole_pixels)


def _transformed(pictures: Tensor, matrix: Tensor, whole_pixels: bool) -> Tensor:
    """Apply affine transformations (N, 2, 3); nearest pixels with `whole_pixels`, else bilinear."""
    coordinates = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures.float(), coordinates, "nearest" if whole_pixels else "bilinear", align_corners=False)


def _rounded(shift: Tensor, side: int) -> Tensor:
    """Round shifts in affine_grid's coordinates, which run over 2 units, to whole pixels of `side`."""
    return (shift * side / 2).round() * 2 / side


def _move(pictures: Tensor, signed: Tensor, whole_pixels: bool) -> Tensor:
    """Flip, zoom and shift by `signed` (N, 4) in -1..1."""
    flip, zoom = torch.where(signed[:, 0] < 0, -1.0, 1.0), 1 + ZOOM * signed[:, 1]
    shift = 2 * SHIFT * signed[:, 2:]  # a share of the side counts double: it is 2 units of affine_grid
    if whole_pixels:
        zoom, shift = torch.ones_like(zoom), _rounded(shift, pictures.shape[-1])
    matrix = torch.zeros(len(pictures), 2, 3, device=pictures.device)
    matrix[:, 0, 0], matrix[:, 1, 1] = flip * zoom, zoom
    matrix[:, :, 2] = shift
    return _transformed(pictures, matrix, whole_pixels)


def _color(pictures: Tensor, signed: Tensor) -> Tensor:
    """Change brightness, saturation and contrast by `signed` (N, 3) in -1..1."""
    color, alpha = pictures[:, :3], pictures[:, 3:]
    signed = signed[:, :, None, None, None]
    brightness, saturation, contrast = 0.2 * signed[:, 0], 1 + 0.5 * signed[:, 1], 1 + 0.3 * signed[:, 2]
    gray = color.mean(1, keepdim=True)
    color = gray + (color - gray) * saturation
    covered = alpha.mean((1, 2, 3), keepdim=True).clamp(min=1e-3)
    middle = color.mean((1, 2, 3), keepdim=True) / covered * alpha
    color = middle + (color - middle) * contrast + brightness * alpha
    # Not clipped to 0..alpha: a clipped pixel would have no gradient.
    return torch.cat([color, alpha], 1)
