"""Reconstruction: how a generator learns what pictures look like before it plays against a critic."""

import torch.nn.functional as F
from torch import Tensor


def reconstruction_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """L1 + L2 between pictures (N, C, S, S) in 0..1 at full, half, quarter and eighth resolution: ()."""
    total = drawn.new_zeros(())
    for level in range(4):
        if level:
            drawn, real = F.avg_pool2d(drawn, 2), F.avg_pool2d(real, 2)
        total = total + F.l1_loss(drawn, real) + F.mse_loss(drawn, real)
    return total
