"""A discriminator over the features of a frozen network (Projected GAN, Sauer et al., 2021, arXiv:2111.01007).

1,000 real pictures are too few to learn features from: four small heads score those that EfficientNet-Lite1 learned
from photographs, mixed by fixed random convolutions so that no head can rely on few of them.
A fifth head scores the pixels themselves (as in Kumari et al., 2022, arXiv:2112.09130): the frozen network hardly sees
stripes one pixel wide, and a generator that only it judged drew eyes and edges of them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pgtrain.models.efficientnet_lite import load_lite

SIDE = 128
"""Pixels a side that smaller pictures are enlarged to; larger ones keep their size."""

TAPS = {3: 24, 6: 40, 14: 112, 20: 320}
"""Blocks of Lite1 whose outputs are used, and their channels."""

STRIDES = (4, 8, 16, 32)
"""Strides of these outputs."""

MIXED = (48, 64, 96, 128)
"""Channels of each output after mixing."""

WIDTH, PIXEL_WIDTH = 128, 32
"""Channels of the heads, and of the first layer of the head that scores pixels."""

WHITE, SILHOUETTE = 0.5, 0.25
"""Shares of RGBA pictures on white, and of silhouettes; the other pictures are laid on random colors."""

BACKGROUND_DRAWS = 4
"""Uniform random numbers for the background of one picture."""


class FrozenFeatures(nn.Module):
    """EfficientNet-Lite1 and random mixing: pictures (N, 3, S, S) in 0..1 to four feature maps, finest first.

    Pictures are resized to `side` pixels a side.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.network = load_lite(1, "train")
        for block in self.network._blocks:
            block._depthwise_conv = _unstrided(block._depthwise_conv)
        self.lateral = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1) for inputs, outputs in zip(TAPS.values(), MIXED, strict=True)
        )
        narrower = zip(MIXED, (*MIXED[:1], *MIXED[:-1]), strict=True)
        self.top_down = nn.ModuleList(nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in narrower)
        seeded = torch.Generator().manual_seed(0)  # the same in every run: a checkpoint does not hold them
        for mixing in (*self.lateral, *self.top_down):
            nn.init.kaiming_normal_(mixing.weight, nonlinearity="linear", generator=seeded)
            nn.init.zeros_(mixing.bias)
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures to maps of MIXED channels, each by one of STRIDES smaller than `side`."""
        hidden = self.network._swish(self.network._conv_stem(self._scaled(pictures)))
        taps = []
        for number, block in enumerate(self.network._blocks):
            hidden = block(hidden)
            if number in TAPS:
                taps.append(hidden)
        mixed, above = [], None
        for tap, lateral, top_down in reversed(list(zip(taps, self.lateral, self.top_down, strict=True))):
            level = lateral(tap)
            if above is not None:
                level = level + F.interpolate(above, scale_factor=2.0, mode="nearest")
            mixed.append(level)
            above = top_down(level)
        return mixed[::-1]

    def _scaled(self, pictures: Tensor) -> Tensor:
        size = (self.side, self.side)
        sized = F.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False)
        return ((sized * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)  # as in its training


def _unstrided(depthwise: nn.Conv2d) -> nn.Module:
    """Split a strided convolution into one with stride 1 and a subsampling of its outputs.

    The results are equal; PyTorch's gradient of a strided depthwise convolution takes a CPU longer than all others.
    """
    height, width = map(int, depthwise.stride)
    depthwise.stride = (1, 1)
    return nn.Sequential(depthwise, Subsample(height, width)) if height * width > 1 else depthwise


class Subsample(nn.Module):
    """Keep every `height`-th row and every `width`-th column of (N, C, H, W)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, features: Tensor) -> Tensor:
        """Subsample, channels-last."""
        return features[:, :, :: self.height, :: self.width].contiguous(memory_format=torch.channels_last)


class Head(nn.Module):
    """Scores one feature map (N, C, S, S) at each of 4x4 places; `width` channels, doubled a layer up to WIDTH."""

    def __init__(self, channels: int, side: int, width: int = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range((side // 4).bit_length() - 1):
            outputs = min(WIDTH, width << number)
            layers += [spectral_norm(nn.Conv2d(channels, outputs, 4, stride=2, padding=1))]
            layers += [nn.GroupNorm(8, outputs), nn.LeakyReLU(0.2)]
            channels = outputs
        self.layers = nn.Sequential(*layers)
        self.joint = spectral_norm(nn.Conv2d(channels, WIDTH, 3, padding=1))
        self.score = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, level: Tensor) -> Tensor:
        """Score a feature map: float32 (N, 16)."""
        scores: Tensor = self.score(F.leaky_relu(self.joint(self.layers(level)), 0.2))
        return scores.flatten(1).float()


class FeatureDiscriminator(nn.Module):
    """Five heads: over pictures of `size` pixels, and over the four maps that :class:`FrozenFeatures` makes of them.

    The maps of a fake are computed once and serve discriminator and generator.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        side = max(SIDE, size)
        shapes = [(channels, side // stride) for channels, stride in zip(MIXED, STRIDES, strict=True)]
        self.heads = nn.ModuleList([Head(3, size, PIXEL_WIDTH), *(Head(*shape) for shape in shapes)])

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Score `maps`, of which the first are the pictures (N, 3, S, S): float32 (N, 80), higher is more real."""
        return torch.cat([head(level) for head, level in zip(self.heads, maps, strict=True)], 1)


def feature_distance(maps: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean L1 distance of feature maps from `targets`, in each of them in units of the targets' mean size: ()."""
    distances = [
        F.l1_loss(level.float(), target.float()) / target.float().abs().mean()
        for level, target in zip(maps, targets, strict=True)
    ]
    return torch.stack(distances).mean()


def on_random_background(pictures: Tensor, draws: Tensor) -> Tensor:
    """Lay RGBA (N, 4, S, S) on white or on a random color, or show it black on white: RGB (N, 3, S, S).

    On white alone a generator would draw eyes and lights as holes, and any marking would do on another color.
    `draws`, float (N, BACKGROUND_DRAWS) in 0..1, decide.
    """
    choice, color = draws[:, :1, None, None], draws[:, 1:, None, None]
    silhouette = choice >= 1 - SILHOUETTE
    background = torch.where((choice < WHITE) | silhouette, 1.0, color)
    return pictures[:, :3] * ~silhouette + (1 - pictures[:, 3:]) * background
