"""Losses between pictures, and the learning rate of reconstruction, which comes before adversarial training."""

import math

import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

LAST = 0.1
"""Share of the learning rate at the end."""


def annealed(done: float) -> float:
    """Share of the learning rate after a share `done` of reconstruction: half a cosine (arXiv:1608.03983), 1 to LAST.

    Reconstruction at a constant rate of 2e-3 stood still until the rate fell (docs/training-log.md).
    """
    return LAST + (1 - LAST) * (1 + math.cos(math.pi * done)) / 2


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def reconstruction_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """L1 + L2 between pictures (N, C, S, S) in 0..1 at full, half, quarter and eighth resolution: ()."""
    total = drawn.new_zeros(())
    for level in range(4):
        if level:
            drawn, real = F.avg_pool2d(drawn, 2), F.avg_pool2d(real, 2)
        total = total + F.l1_loss(drawn, real) + F.mse_loss(drawn, real)
    return total


def edge_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """L1 between the differences of neighboring pixels, across and down, of pictures (N, C, S, S): ()."""
    across = F.l1_loss(drawn[..., 1:] - drawn[..., :-1], real[..., 1:] - real[..., :-1])
    return across + F.l1_loss(drawn[..., 1:, :] - drawn[..., :-1, :], real[..., 1:, :] - real[..., :-1, :])


def layout_distance(drawn: Tensor, anchored: Tensor) -> Tensor:
    """L1 between pictures (N, C, S, S) pooled to 16x16 and to 8x8 places: ()."""
    total = drawn.new_zeros(())
    for places in (16, 8):
        side = drawn.shape[-1] // places
        total = total + F.l1_loss(F.avg_pool2d(drawn, side), F.avg_pool2d(anchored, side))
    return total


def chroma_distance(drawn: Tensor, anchored: Tensor) -> Tensor:
    """L1 between the colors of pictures (N, C, S, S), each less its mean over red, green and blue: ()."""
    drawn, anchored = drawn[:, :3], anchored[:, :3]
    return F.l1_loss(drawn - drawn.mean(1, keepdim=True), anchored - anchored.mean(1, keepdim=True))
