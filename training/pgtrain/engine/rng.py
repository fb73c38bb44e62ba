"""Random numbers for the rows of a batch, the same for any number of processes.

Every process draws for the whole batch from the same stream and takes its own rows. So all random states stay
equal, a checkpoint keeps one of them, and a run can be resumed with another number of processes.
"""

import torch
from torch import Tensor, nn

from pgtrain.engine import distributed


def rand(rows: int, *shape: int, device: torch.device) -> Tensor:
    """Uniform numbers in 0..1 for this process's rows, float32 (rows, *shape)."""
    return distributed.own_rows(torch.rand(rows * distributed.count(), *shape, device=device))


def randn(rows: int, *shape: int, device: torch.device) -> Tensor:
    """Standard normal numbers for this process's rows, float32 (rows, *shape)."""
    return distributed.own_rows(torch.randn(rows * distributed.count(), *shape, device=device))


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al., 2014) whose mask comes from :func:`rand`."""

    def forward(self, input: Tensor) -> Tensor:
        """Zero a share `p` of the values (N, ...) in training."""
        if not self.training or self.p == 0:
            return input
        kept = rand(*input.shape, device=input.device) >= self.p
        return input * kept / (1 - self.p)
