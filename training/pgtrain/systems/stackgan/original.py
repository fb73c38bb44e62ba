"""The networks of the original system: transposed convolutions, a dense stage II, text tiled over the picture."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pgtrain.engine import rng
from pgtrain.models.compositing import visible
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig

CHANNELS = 3
"""Pictures are RGB on white."""

NOISE_DIM, CONDITION_DIM = 100, 768
"""Numbers of noise, and of the condition that a stage makes of a text.

The condition has the size of the embeddings of the original's BERT; only this size gives the dense layer of stage II
its known 428 million weights, (3 * 64 * 64 + 768) * 128 * 16 * 16.
"""

LATENT_DIM = NOISE_DIM + 2 * CONDITION_DIM
"""Numbers of a latent: noise, then one draw a stage for conditioning augmentation."""

DROPOUT = 0.4
"""Dropout of the discriminator of stage II."""


class ConditioningAugmentation(nn.Module):
    """A Gaussian around the text: mean and log-variance from one linear layer, the random draw as an input.

    The log-variance is clamped at LIMIT: one text whose variance overflows would ruin the running statistics of batch
    norm, and with them the run.
    """

    LIMIT = 2.0

    def __init__(self, text_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(text_dim, 2 * CONDITION_DIM)
        nn.init.zeros_(self.linear.bias)

    def forward(self, text: Tensor, draw: Tensor) -> Tensor:
        """Map texts (N, D) and a standard normal draw (N, C) to conditions (N, C)."""
        mean, logvar = self.linear(text).chunk(2, 1)
        condition: Tensor = mean + (0.5 * logvar.clamp(max=self.LIMIT)).exp() * draw
        return condition


def _decoder(inputs: int, side: int, width: int) -> nn.Sequential:
    """Numbers (N, `inputs`) through a dense layer to (N, 4 * `width`, `side`, `side`), then three doublings."""
    widest = 4 * width
    numbers = widest * side * side
    layers: list[nn.Module] = [nn.Linear(inputs, numbers), nn.BatchNorm1d(numbers), nn.ReLU()]
    layers.append(nn.Unflatten(1, (widest, side, side)))
    for pair in pairwise((widest, 2 * width, width)):
        layers += [nn.ConvTranspose2d(*pair, 4, stride=2, padding=1), nn.BatchNorm2d(pair[1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, CHANNELS, 4, stride=2, padding=1))


class Stage1(nn.Module):
    """Text and noise to the logits of a 64x64 picture, by way of 8x8."""

    def __init__(self, width: int, text_dim: int) -> None:
        super().__init__()
        self.augmentation = ConditioningAugmentation(text_dim)
        self.decoder = _decoder(NOISE_DIM + CONDITION_DIM, STAGE1_SIZE // 8, width)

    def forward(self, latent: Tensor, text: Tensor) -> Tensor:
        """Map latents (N, L) and texts (N, D) to logits (N, 3, 64, 64)."""
        noise, draw = latent[:, :NOISE_DIM], latent[:, NOISE_DIM:-CONDITION_DIM]
        logits: Tensor = self.decoder(torch.cat([noise, self.augmentation(text, draw)], 1))
        return logits


class Stage2(nn.Module):
    """Stage I's whole picture and the text through one dense layer, then to `size` (by way of an eighth of it)."""

    def __init__(self, width: int, size: int, text_dim: int) -> None:
        super().__init__()
        self.augmentation = ConditioningAugmentation(text_dim)
        self.decoder = _decoder(CHANNELS * STAGE1_SIZE**2 + CONDITION_DIM, size // 8, width)

    def forward(self, logits: Tensor, latent: Tensor, text: Tensor) -> Tensor:
        """Map stage I logits (N, 3, 64, 64), latents and texts to logits (N, 3, S, S)."""
        pixels = (visible(logits) * 2 - 1).flatten(1)
        condition = self.augmentation(text, latent[:, -CONDITION_DIM:])
        refined: Tensor = self.decoder(torch.cat([pixels, condition], 1))
        return refined


class OriginalGenerator(nn.Module):
    """Both stages; `stage2` is None where stage I is trained alone."""

    def __init__(self, config: StackGANConfig, text_dim: int) -> None:
        super().__init__()
        self.stage1 = Stage1(config.width, text_dim)
        self.stage2 = None if config.stage == "1" else Stage2(config.width, config.size, text_dim)

    def forward(self, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map latents (N, L) and text embeddings (N, D) to the logits of stage I and of stage II."""
        small = self.stage1(latent, text)
        return small, None if self.stage2 is None else self.stage2(small, latent, text)


class JointDiscriminator(nn.Module):
    """Strided convolutions to 8x8, where the projected text is tiled over the features and both are convolved."""

    def __init__(self, size: int, width: int, text_dim: int, dropout: float) -> None:
        super().__init__()
        widths = [width * min(8, 2**level) for level in range((size // 8).bit_length() - 1)]
        layers: list[nn.Module] = []
        for pair in pairwise([CHANNELS, *widths]):
            layers += [nn.Conv2d(*pair, 4, stride=2, padding=1), nn.LeakyReLU(0.2), rng.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.project = nn.Sequential(nn.Linear(text_dim, 4 * width), nn.LeakyReLU(0.2))
        self.joint = nn.Sequential(nn.Conv2d(widths[-1] + 4 * width, 8 * width, 1), nn.LeakyReLU(0.2))
        self.score = nn.Conv2d(8 * width, 1, 8)

    def forward(self, pictures: Tensor, *texts: Tensor) -> Tensor:
        """Score pictures (N, 3, S, S) in 0..1 under each of T `texts` (N, D): float32 logits (T * N,)."""
        features: Tensor = self.layers(pictures * 2 - 1)
        scores = []
        for text in texts:
            tiled = self.project(text)[:, :, None, None].expand(-1, -1, *features.shape[2:])
            scores.append(self.score(self.joint(torch.cat([features, tiled], 1))).flatten().float())
        return torch.cat(scores)
