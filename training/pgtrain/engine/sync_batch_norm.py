"""Batch norm over the batch of all processes."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pgtrain.engine import distributed


class GlobalBatchNorm(_BatchNorm):
    """Batch norm (N, C, ...) whose statistics are those of all processes' rows; weights keep their names.

    :class:`torch.nn.SyncBatchNorm` does this on CUDA alone.
    """

    @classmethod
    def like(cls, norm: _BatchNorm) -> "GlobalBatchNorm":
        """Convert `norm`: its weights, running statistics and settings."""
        converted = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for name, value in (norm._parameters | norm._buffers).items():
            setattr(converted, name, value)
        return converted.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions from 2."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each channel; in evaluation mode by the running statistics."""
        if not self.training:
            return super().forward(input)
        values = input.float()
        axes = [axis for axis in range(values.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(values.dim())]
        mean = distributed.mean(values.mean(axes))
        centered = values - mean.view(shape)
        variance = distributed.mean(centered.square().mean(axes))
        self._remember(mean, variance, values.numel() // len(mean) * distributed.count())
        normal = centered * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, size: int) -> None:
        momentum = cast(float, self.momentum)
        cast(Tensor, self.num_batches_tracked).add_(1)
        cast(Tensor, self.running_mean).lerp_(mean, momentum)
        cast(Tensor, self.running_var).lerp_(variance * size / max(1, size - 1), momentum)


def share_batch_norm(network: nn.Module) -> None:
    """Replace every batch norm inside `network` by one over all processes, where there are several."""
    if distributed.count() == 1:
        return
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                setattr(parent, name, GlobalBatchNorm.like(child))
