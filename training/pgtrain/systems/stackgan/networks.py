"""Generator (stage I and II) and discriminator of the default recipe, and the choice of the original's."""

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.models.compositing import visible
from pgtrain.models.layers import ConditioningAugmentation, DownBlock, ResidualBlock, UpBlock, Whitening, keep_variance
from pgtrain.models.projected_discriminator import ProjectedDiscriminator
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.original import DenseStage2, JointDiscriminator, TransposedStage1


class Stage1(nn.Module):
    """Text and noise to the logits of a 64x64 picture."""

    def __init__(self, config: StackGANConfig, text_dim: int) -> None:
        super().__init__()
        self.noise_dim = config.noise_dim
        self.augmentation = ConditioningAugmentation(text_dim, config.condition_dim)
        self.augmentation.start_quiet()
        inner = config.noise_dim + config.condition_dim
        w4, w8, w16, w32, w64 = (config.width * factor // 4 for factor in (20, 16, 12, 6, 4))
        self.channels = w4
        self.dense = nn.Linear(inner, w4 * 16)
        self.blocks = nn.ModuleList(
            [
                UpBlock(w4, w8, inner),
                ResidualBlock(w8, inner),
                UpBlock(w8, w16, inner),
                ResidualBlock(w16, inner),
                UpBlock(w16, w32, inner),
                UpBlock(w32, w64, inner),
            ]
        )
        self.to_rgba = nn.Conv2d(w64, config.channels, 3, padding=1)

    def forward(self, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Map latents (N, L) and whitened text (N, K) to logits (N, C, 64, 64) and the KL term ()."""
        noise, draw = latent[:, : self.noise_dim], latent[:, self.noise_dim :]
        condition, divergence = self.augmentation(text, draw[:, : draw.shape[1] // 2])
        condition = torch.cat([noise, condition], 1)
        features = self.dense(condition).view(-1, self.channels, 4, 4)
        for block in self.blocks:
            features = block(features, condition)
        return self.to_rgba(features), divergence


class Stage2(nn.Module):
    """Refines stage I's picture under the text: encoder, residual blocks, upsampling to `size`."""

    def __init__(self, config: StackGANConfig, text_dim: int) -> None:
        super().__init__()
        inner, wide = config.condition_dim, config.width * 3 // 2
        half = config.width // 2
        self.condition_dim = config.condition_dim
        self.scale = config.size / STAGE1_SIZE
        self.augmentation = ConditioningAugmentation(text_dim, inner)
        self.augmentation.start_quiet()
        self.stem = nn.Conv2d(config.channels, config.width, 3, padding=1)
        self.down = nn.Conv2d(config.width, wide, 4, stride=2, padding=1)
        self.blocks = nn.ModuleList([ResidualBlock(wide, inner) for _ in range(3)])
        self.up64 = UpBlock(wide, config.width, inner)
        ups = [UpBlock(config.width, half, inner)]
        ups += [UpBlock(half, half // 2, inner)] * (config.size // 256)
        self.ups = nn.ModuleList(ups)
        self.to_rgba = nn.Conv2d(half // (config.size // 128), config.channels, 3, padding=1)
        # Starts as a plain enlargement of stage I, so that no step of stage II begins from noise.
        nn.init.zeros_(self.to_rgba.weight)
        nn.init.zeros_(cast(Tensor, self.to_rgba.bias))

    def forward(self, logits: Tensor, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Map stage I logits (N, C, 64, 64), latents and whitened text to logits (N, C, S, S) and the KL term ()."""
        condition, divergence = self.augmentation(text, latent[:, -self.condition_dim :])
        shallow = F.leaky_relu(self.stem(visible(logits) * 2 - 1), 0.2)
        features = F.leaky_relu(self.down(shallow), 0.2)
        for block in self.blocks:
            features = block(features, condition)
        features = self.up64(features, condition) + shallow
        for up in self.ups:
            features = up(features, condition)
        enlarged = F.interpolate(logits, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return enlarged.clamp(-8, 8) + self.to_rgba(features), divergence


class Generator(nn.Module):
    """Both stages behind one whitening of the text; `stage2` is None where stage I is trained alone."""

    def __init__(self, config: StackGANConfig, text_dim: int, whitened_dim: int) -> None:
        super().__init__()
        self.whitening = Whitening(text_dim, whitened_dim)
        self.stage1 = (Stage1 if config.stage1 == "upsample" else TransposedStage1)(config, whitened_dim)
        refining = Stage2 if config.stage2 == "residual" else DenseStage2
        self.stage2 = None if config.stage == "1" else refining(config, whitened_dim)

    def forward(self, latent: Tensor, text: Tensor, stage: int) -> tuple[Tensor, Tensor]:
        """Map latents (N, L) and text embeddings (N, D) to the logits after `stage` and its KL term ()."""
        whitened = self.whitening(text)
        logits, divergence = self.stage1(latent, whitened)
        return (logits, divergence) if stage == 1 else self._refined(logits, latent, whitened)

    def frozen_stage1(self, latent: Tensor, whitened: Tensor) -> Tensor:
        """Run a frozen stage I, as training of stage II needs it: logits (N, 4, 64, 64)."""
        self.stage1.eval()
        with torch.no_grad():
            logits: Tensor = self.stage1(latent, whitened)[0]
        return logits

    def _refined(self, logits: Tensor, latent: Tensor, whitened: Tensor) -> tuple[Tensor, Tensor]:
        assert self.stage2 is not None
        refined: tuple[Tensor, Tensor] = self.stage2(logits, latent, whitened)
        return refined


class Discriminator(nn.Module):
    """Projection discriminator over premultiplied RGBA pictures, or RGB ones, of one size."""

    def __init__(self, size: int, width: int, whitened_dim: int, channels: int = 4) -> None:
        super().__init__()
        sides = [size >> level for level in range(size.bit_length() - 2)]  # size, size / 2, ... 4
        widths = [max(width // 2, min(8 * width, width * STAGE1_SIZE // side)) for side in sides]
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(DownBlock(*pair) for pair in pairwise(widths))
        self.joint = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.score = nn.Linear(widths[-1], 1)
        self.project = nn.Linear(whitened_dim, widths[-1], bias=False)
        self.apply(keep_variance)

    def features(self, pictures: Tensor) -> Tensor:
        """Map pictures (N, C, S, S) in 0..1 to features (N, F)."""
        hidden = self.stem(pictures * 2 - 1)
        for block in self.blocks:
            hidden = block(hidden)
        pooled: Tensor = F.leaky_relu(self.joint(hidden), 0.2).mean((2, 3))
        return pooled

    def judge(self, features: Tensor, text: Tensor) -> Tensor:
        """Score features (N, F) under whitened text (N, K): float32 (N,), higher is more real."""
        match = (self.project(text) * features).sum(1) / features.shape[1] ** 0.5
        score: Tensor = self.score(features).squeeze(1) + match
        return score.float()

    def forward(self, pictures: Tensor, *texts: Tensor) -> Tensor:
        """Score pictures (N, 4, S, S) under each of T `texts`, one after the other: float32 (T * N,)."""
        features = self.features(pictures)
        return torch.cat([self.judge(features, text) for text in texts])


def discriminator(config: StackGANConfig, stage: int, whitened_dim: int) -> nn.Module:
    """Make the discriminator of `stage` that `config` asks for."""
    size = STAGE1_SIZE if stage == 1 else config.size
    if config.discriminator == "projected":
        return ProjectedDiscriminator(size, whitened_dim)
    if config.discriminator == "projection":
        return Discriminator(size, config.critic_width, whitened_dim, config.channels)
    dropout = 0.0 if stage == 1 else config.dropout
    return JointDiscriminator(size, config.critic_width, whitened_dim, config.channels, dropout)
