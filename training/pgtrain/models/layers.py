"""Building blocks and penalties that systems share; the blocks are plain operators, so that they export to ONNX."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.engine import rng


class Whitening(nn.Module):
    """Fixed affine map of text embeddings (N, D) to whitened ones (N, K), see `pgtrain.models.text_encoder.whitening`.

    A text unlike all training texts can lie dozens of deviations out, where networks overflow; numbers are clamped at
    LIMIT, beyond those of all captions of the default data set (8.4).
    """

    LIMIT = 10.0

    def __init__(self, text_dim: int, whitened_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(text_dim, whitened_dim).requires_grad_(False)

    @torch.no_grad()
    def fit(self, mean: Tensor, matrix: Tensor) -> None:
        """Set the whitening: `mean` (D,), `matrix` (D, K)."""
        self.linear.weight.copy_(matrix.T)
        self.linear.bias.copy_(-(mean @ matrix))

    def forward(self, text: Tensor) -> Tensor:
        """Whiten float (N, D) to (N, K), each number within ±LIMIT."""
        whitened: Tensor = self.linear(text).clamp(-self.LIMIT, self.LIMIT)
        return whitened


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift come from the condition (de Vries et al., 2017, arXiv:1707.00683)."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(condition_dim, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Normalize (N, C, H, W) features and modulate them by the (N, K) condition."""
        scale, shift = self.affine(condition)[:, :, None, None].chunk(2, 1)
        modulated: Tensor = self.norm(features) * (1 + scale) + shift
        return modulated


class GatedConv(nn.Module):
    """3x3 convolution, conditional norm, gated linear unit (Dauphin et al., 2017, arXiv:1612.08083)."""

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, 2 * channels_out, 3, padding=1, bias=False)
        self.norm = ConditionalNorm(2 * channels_out, condition_dim)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map (N, Cin, H, W) and the (N, K) condition to (N, Cout, H, W)."""
        value, gate = self.norm(self.conv(features), condition).chunk(2, 1)
        gated: Tensor = value * torch.sigmoid(gate)
        return gated

    def freeze(self) -> None:
        """Fold the batch norm, in evaluation mode, into the convolution."""
        norm = self.norm.norm
        if isinstance(norm, nn.BatchNorm2d):
            self.conv = nn.utils.fuse_conv_bn_eval(self.conv, norm)
            self.norm.register_module("norm", nn.Identity())

    def thaw(self) -> None:
        """Undo :meth:`freeze`: in evaluation mode the new batch norm adds the bias of the folded convolution."""
        frozen, channels = self.conv, self.conv.out_channels
        if frozen.bias is None:
            return
        norm = nn.BatchNorm2d(channels, affine=False)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(-frozen.bias)
        norm.running_var.fill_(1 - norm.eps)
        self.conv = nn.Conv2d(frozen.in_channels, channels, 3, padding=1, bias=False)
        self.conv.weight.copy_(frozen.weight)
        self.norm.register_module("norm", norm.train(self.training))


class ResidualBlock(nn.Module):
    """x + gated convolution of x."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.gated = GatedConv(channels, channels, condition_dim)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map (N, C, H, W) and the (N, K) condition to (N, C, H, W)."""
        added: Tensor = features + self.gated(features, condition)
        return added


class UpBlock(nn.Module):
    """Nearest-neighbor doubling, then a gated convolution.

    Upsampling and convolving trains and runs faster than a transposed convolution of the same width
    on CPUs with bf16 matrix units, and leaves no checkerboard (Odena et al., 2016, Distill).
    """

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int) -> None:
        super().__init__()
        self.gated = GatedConv(channels_in, channels_out, condition_dim)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map (N, Cin, H, W) and the (N, K) condition to (N, Cout, 2H, 2W)."""
        doubled = F.interpolate(features, scale_factor=2.0, mode="nearest")
        convolved: Tensor = self.gated(doubled, condition)
        return convolved


def keep_variance(module: nn.Module) -> None:
    """He et al., 2015 (arXiv:1502.01852): without norm layers PyTorch's own weights fade scores to 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        nn.init.zeros_(cast(Tensor, module.bias))


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Mean squared gradient norm at real pictures (Mescheder et al., 2018, arXiv:1801.04406): ().

    In float32: second derivatives and half precision do not mix. Through `forward`, which is never compiled:
    compiled networks have no second derivative.
    """
    real = real.detach().float().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator.forward(real).sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Squared distance from 1 of the gradient's norm (Gulrajani et al., 2017, arXiv:1704.00028): ().

    At mixes of the examples (N, ...) in `real` and `fake`, one random share for each pair. In float32 and uncompiled,
    as :func:`r1_penalty`.
    """
    share = rng.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    between = torch.lerp(real.float(), fake.float(), share).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic.forward(between).sum(), between, create_graph=True)
    return F.mse_loss(gradient.flatten(1).norm(dim=1), torch.ones(len(real), device=real.device))
