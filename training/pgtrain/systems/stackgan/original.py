"""The networks of the original system: transposed convolutions, a dense stage II, text tiled over the picture.

Their widths follow from ``width`` 32 (128, 64, 32 channels) and ``critic_width`` 64 (64, 128, 256, 512).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pgtrain.engine import rng
from pgtrain.models.compositing import visible
from pgtrain.models.layers import ConditioningAugmentation
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig


def _decoder(inputs: int, side: int, width: int, channels: int) -> nn.Sequential:
    """Numbers (N, `inputs`) through a dense layer to (N, 4 * `width`, `side`, `side`), then three doublings."""
    widest = 4 * width
    numbers = widest * side * side
    layers: list[nn.Module] = [nn.Linear(inputs, numbers), nn.BatchNorm1d(numbers), nn.ReLU()]
    layers.append(nn.Unflatten(1, (widest, side, side)))
    for pair in pairwise((widest, 2 * width, width)):
        layers += [nn.ConvTranspose2d(*pair, 4, stride=2, padding=1), nn.BatchNorm2d(pair[1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1))


class TransposedStage1(nn.Module):
    """Text and noise to the logits of a 64x64 picture, by way of 8x8."""

    def __init__(self, config: StackGANConfig, text_dim: int) -> None:
        super().__init__()
        self.noise_dim, self.condition_dim = config.noise_dim, config.condition_dim
        self.augmentation = ConditioningAugmentation(text_dim, config.condition_dim)
        inputs = config.noise_dim + config.condition_dim
        self.decoder = _decoder(inputs, STAGE1_SIZE // 8, config.width, config.channels)

    def forward(self, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Map latents (N, L) and texts (N, K) to logits (N, C, 64, 64) and the KL term ()."""
        noise, draw = latent[:, : self.noise_dim], latent[:, self.noise_dim : -self.condition_dim]
        condition, divergence = self.augmentation(text, draw)
        return self.decoder(torch.cat([noise, condition], 1)), divergence


class DenseStage2(nn.Module):
    """Stage I's whole picture and the text through one dense layer, then to `size` (by way of an eighth of it)."""

    def __init__(self, config: StackGANConfig, text_dim: int) -> None:
        super().__init__()
        self.condition_dim = config.condition_dim
        self.augmentation = ConditioningAugmentation(text_dim, config.condition_dim)
        inputs = config.channels * STAGE1_SIZE**2 + config.condition_dim
        self.decoder = _decoder(inputs, config.size // 8, config.width, config.channels)

    def forward(self, logits: Tensor, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Map stage I logits (N, C, 64, 64), latents and texts to logits (N, C, S, S) and the KL term ()."""
        condition, divergence = self.augmentation(text, latent[:, -self.condition_dim :])
        seen = (visible(logits) * 2 - 1).flatten(1)
        return self.decoder(torch.cat([seen, condition], 1)), divergence


class JointDiscriminator(nn.Module):
    """Strided convolutions to 8x8, where the projected text is tiled over the features and both are convolved."""

    def __init__(self, size: int, width: int, text_dim: int, channels: int, dropout: float) -> None:
        super().__init__()
        widths = [width * min(8, 2**level) for level in range((size // 8).bit_length() - 1)]
        layers: list[nn.Module] = []
        for pair in pairwise([channels, *widths]):
            layers += [nn.Conv2d(*pair, 4, stride=2, padding=1), nn.LeakyReLU(0.2), rng.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.project = nn.Sequential(nn.Linear(text_dim, 4 * width), nn.LeakyReLU(0.2))
        self.joint = nn.Sequential(nn.Conv2d(widths[-1] + 4 * width, 8 * width, 1), nn.LeakyReLU(0.2))
        self.score = nn.Conv2d(8 * width, 1, 8)

    def features(self, pictures: Tensor) -> Tensor:
        """Map pictures (N, C, S, S) in 0..1 to features (N, F, 8, 8)."""
        features: Tensor = self.layers(pictures * 2 - 1)
        return features

    def judge(self, features: Tensor, text: Tensor) -> Tensor:
        """Score features (N, F, 8, 8) under texts (N, K): float32 (N,), a logit of being real and matched."""
        tiled = self.project(text)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        score: Tensor = self.score(self.joint(torch.cat([features, tiled], 1)))
        return score.flatten().float()

    def forward(self, pictures: Tensor, *texts: Tensor) -> Tensor:
        """Score pictures (N, C, S, S) under each of T `texts`, one after the other: float32 (T * N,)."""
        features = self.features(pictures)
        return torch.cat([self.judge(features, text) for text in texts])
