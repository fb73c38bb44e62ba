"""The averaged generator: what runs draw with, and what export takes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

WARM_UP = 10
"""How slowly the decay grows: see :func:`averaged`."""


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Copy `network` and average it exponentially, buffers too, by `decay` a step.

    The decay grows to that from nothing, as (1 + n) / (10 + n) after n steps, or a short run would be judged by what
    it began with: 0.998 remembers 500 steps, which are fifteen epochs of 1,000 pictures.
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
