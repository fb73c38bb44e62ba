"""The averaged generator, which draws the pictures of runs and is exported."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

WARM_UP = 10
"""Steps that the decay takes to grow, see :func:`averaged`."""


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Copy `network` and keep an exponential moving average of it, buffers too, with `decay` per step.

    The decay starts small, as (1 + n) / (10 + n) after n steps: a decay of 0.998 averages over 500 steps, fifteen
    epochs of 1,000 pictures, and would leave the average of a short run near its untrained start.
    """
    return AveragedModel(network, multi_avg_fn=_growing(decay), use_buffers=True)


def _growing(decay: float) -> Callable[..., None]:
    @torch.no_grad()
    def update(kept: Any, current: Any, steps: Any) -> None:
        number = int(steps)
        weight = 1 - min(decay, (1 + number) / (WARM_UP + number))
        if kept[0].is_floating_point():  # tensors come in groups of one dtype
            torch._foreach_lerp_(kept, current, weight)
        else:
            torch._foreach_copy_(kept, current)

    return update
