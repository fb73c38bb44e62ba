"""The networks between pictures and codes: two encoders, and the decoder's stages I and II."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.models.compositing import visible
from pgtrain.models.layers import ResidualBlock, UpBlock
from pgtrain.models.memory import COLOR_DIM, SHAPE_DIM, SIDE, SLOT_DIM, SLOTS, Codes, unit_rms
from pgtrain.systems.stackgan.config import STAGE1_SIZE

CHANNELS = 4
"""Pictures are RGBA."""

LOW_PASS = (-1 / 16, 1 / 4, 5 / 8, 1 / 4, -1 / 16)
"""A maximally flat filter: 1 for a constant, 3/4 for a period of four pixels, 0 for one of two."""


class PaletteAttention(nn.Module):
    """Adds to each place of a feature map a mixture of the palette's slots, weighted by the features of the place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.choose = nn.Conv2d(channels, SLOTS, 1)
        self.value = nn.Linear(SLOT_DIM, channels)

    def forward(self, features: Tensor, color: Tensor) -> Tensor:
        """Map (N, C, H, W) and color codes (N, K) to (N, C, H, W)."""
        weights = torch.softmax(self.choose(features), 1)
        values = self.value(color.view(-1, SLOT_DIM)).view(-1, SLOTS, features.shape[1])
        for slot in range(SLOTS):
            features = features + weights[:, slot : slot + 1] * values[:, slot, :, None, None]
        return features


class Stage1(nn.Module):
    """Codes to the features and logits of a 64x64 picture.

    Coarse blocks are modulated by the mean of the shape code, fine ones by the color code.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w4, w8, w16, w32, w64 = (width * factor for factor in (8, 6, 4, 2, 1))
        self.stem = nn.Conv2d(SHAPE_DIM, w4, 3, padding=1)
        self.position = nn.Parameter(torch.randn(1, w4, SIDE, SIDE) * 0.1)
        self.coarse = nn.ModuleList(
            [ResidualBlock(w4, SHAPE_DIM), UpBlock(w4, w8, SHAPE_DIM), ResidualBlock(w8, SHAPE_DIM)]
        )
        self.up16 = UpBlock(w8, w16, COLOR_DIM)
        self.palette16 = PaletteAttention(w16)
        self.block16 = ResidualBlock(w16, COLOR_DIM)
        self.up32 = UpBlock(w16, w32, COLOR_DIM)
        self.palette32 = PaletteAttention(w32)
        self.block32 = ResidualBlock(w32, COLOR_DIM)
        self.up64 = UpBlock(w32, w64, COLOR_DIM)
        self.to_rgba = nn.Conv2d(w64, CHANNELS, 3, padding=1)

    def forward(self, shape: Tensor, color: Tensor) -> tuple[Tensor, Tensor]:
        """Map codes (N, C, 4, 4) and (N, K) to features (N, F, 64, 64) and logits (N, 4, 64, 64)."""
        features = self.stem(shape) + self.position
        pooled = shape.mean((2, 3))
        for block in self.coarse:
            features = block(features, pooled)
        features = self.palette16(self.up16(features, color), color)
        features = self.palette32(self.up32(self.block16(features, color), color), color)
        features = self.up64(self.block32(features, color), color)
        return features, self.to_rgba(features)


class Stage2(nn.Module):
    """Refines stage I to `pixels` a side; most of it works at 32x32, and one convolution at 64x64 draws the picture.

    The last doublings are a depth-to-space of that convolution's channels (Shi et al., 2016, arXiv:1609.05158):
    narrow convolutions at full size take most of the time on CPUs.

    The frozen features of a discriminator hardly see patterns of single pixels, so that training adds combs to edges
    and hatching to surfaces. LOW_PASS removes them in evaluation mode; in training they would only move to the next
    period that passes the filter.
    """

    low_pass: Tensor

    def __init__(self, width: int, pixels: int) -> None:
        super().__init__()
        wide = 3 * width
        self.scale = pixels // STAGE1_SIZE
        self.down = nn.Conv2d(width + CHANNELS, wide, 3, stride=2, padding=1)
        self.palette = PaletteAttention(wide)
        self.blocks = nn.ModuleList(ResidualBlock(wide, COLOR_DIM) for _ in range(2))
        self.up = UpBlock(wide, width, COLOR_DIM)
        self.to_rgba = nn.Conv2d(width, CHANNELS * self.scale**2, 3, padding=1)
        # Starts as a plain enlargement of stage I, so that no step of stage II begins from noise.
        nn.init.zeros_(self.to_rgba.weight)
        nn.init.zeros_(cast(Tensor, self.to_rgba.bias))
        taps = torch.tensor(LOW_PASS)
        self.register_buffer("low_pass", torch.outer(taps, taps).repeat(CHANNELS, 1, 1, 1), persistent=False)

    def forward(self, features: Tensor, logits: Tensor, color: Tensor) -> Tensor:
        """Map features (N, F, 64, 64) and logits (N, 4, 64, 64) of stage I, and color codes, to logits (N, 4, S, S)."""
        hidden = self.down(torch.cat([features, visible(logits).to(features.dtype)], 1))
        hidden = self.palette(hidden, color)
        for block in self.blocks:
            hidden = block(hidden, color)
        hidden = self.up(hidden, color) + features
        large = enlarged(logits, self.scale * STAGE1_SIZE)
        detail = F.pixel_shuffle(self.to_rgba(hidden), self.scale)
        if not self.training:
            detail = F.conv2d(detail, self.low_pass, padding=2, groups=detail.shape[1])
        return large.clamp(-8, 8) + detail


def enlarged(logits: Tensor, pixels: int) -> Tensor:
    """Enlarge logits of stage I, (N, 4, 64, 64), to `pixels` a side."""
    return F.interpolate(logits, scale_factor=float(pixels // STAGE1_SIZE), mode="bilinear", align_corners=False)


class ShapeEncoder(nn.Module):
    """Pictures (N, 4, 64, 64) in 0..1 to shape codes."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = CHANNELS
        for outputs, kernel, stride in ((48, 4, 2), (96, 4, 2), (96, 3, 1), (192, 4, 2), (192, 3, 1), (288, 4, 2)):
            layers.append(nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False))
            layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)]
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, SHAPE_DIM, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode: (N, SHAPE_DIM, 4, 4)."""
        return unit_rms(self.layers(pictures * 2 - 1).float())


class ColorEncoder(nn.Module):
    """Pictures (N, 4, 64, 64) in 0..1 to color codes.

    It sees 3x3 pixels at a time, assigns them to the slots of the palette, and keeps only the mean of each slot: so a
    color code can hold no layout.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, kernel in ((CHANNELS, 3), (64, 1), (64, 1)):
            layers += [nn.Conv2d(inputs, 64, kernel, padding=kernel // 2), nn.LeakyReLU(0.1)]
        self.layers = nn.Sequential(*layers)
        self.sort = nn.Conv2d(64, SLOTS, 1)
        self.out = nn.ModuleList(
            nn.Sequential(nn.Linear(65, 128), nn.LeakyReLU(0.1), nn.Linear(128, SLOT_DIM)) for _ in range(SLOTS)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode: (N, COLOR_DIM)."""
        small = F.avg_pool2d(pictures, 2)
        features = self.layers(small).float()
        weights = torch.softmax(self.sort(features).float(), 1) * small[:, 3:]
        slots = []
        for slot, out in enumerate(self.out):
            weight = weights[:, slot : slot + 1]
            share = weight.mean((2, 3))
            mean = (features * weight).mean((2, 3)) / share.clamp(min=0.005)
            slots.append(unit_rms(out(torch.cat([mean, share], 1)).float()))
        return torch.cat(slots, 1)


class Decoder(nn.Module):
    """Both stages: codes to pictures. `stage2` is None where stage I is trained alone."""

    def __init__(self, width: int, pixels: int) -> None:
        super().__init__()
        self.stage1 = Stage1(width)
        self.stage2 = Stage2(width, pixels) if pixels > STAGE1_SIZE else None

    def forward(self, codes: Codes) -> tuple[Tensor, Tensor | None]:
        """Map codes to the logits of stage I, (N, 4, 64, 64), and of stage II, (N, 4, S, S)."""
        features, logits = self.stage1(codes.shape, codes.color)
        return logits, None if self.stage2 is None else self.stage2(features, logits, codes.color)
