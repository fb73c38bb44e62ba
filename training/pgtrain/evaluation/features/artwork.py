"""The package's own feature network, for embeddings and for machines that cannot download another network.

A small residual network, trained on 80 % of the artwork (whole evolution families are held out) to classify types,
color and shape, and to recognize pictures after augmentation; see
:mod:`pgtrain.evaluation.features.train_feature_network`. No generator is trained with it.
"""

import json
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "artwork.safetensors"
SIDE = 128
"""Pixels a side of the network's input."""

WIDTHS = (24, 40, 64, 96, 128, 160)
EMBEDDING = 128


class Block(nn.Module):
    """Halve the resolution: two 3x3 convolutions beside a pooled shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels_out)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, Cin, H, W) to (N, Cout, H/2, W/2)."""
        hidden = F.relu(self.first_norm(self.first(features)))
        hidden = self.second_norm(self.second(hidden))
        return F.relu(hidden + self.shortcut(F.avg_pool2d(features, 2)))


class ArtworkNetwork(nn.Module):
    """RGB pictures to the features of every resolution, to an embedding, and to logits of each label.

    `labels` names what the heads classify apart: types, color and shape.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, labels: dict[str, list[str]]) -> None:
        super().__init__()
        self.labels = labels
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(Block(*pair) for pair in pairwise(WIDTHS))
        self.embed = nn.Linear(WIDTHS[-1], EMBEDDING)
        self.heads = nn.ModuleDict({name: nn.Linear(WIDTHS[-1], len(known)) for name, known in labels.items()})
        # Features are standardized over the artwork, so that no layer dominates.
        self.register_buffer("mean", torch.zeros(sum(WIDTHS)))
        self.register_buffer("deviation", torch.ones(sum(WIDTHS)))

    def pooled(self, pictures: Tensor) -> Tensor:
        """Map float (N, 3, 128, 128) in 0..1 to the means of every resolution's features, float (N, 512)."""
        hidden = F.relu(self.stem(pictures * 2 - 1))
        means = [hidden.mean((2, 3))]
        for block in self.blocks:
            hidden = block(hidden)
            means.append(hidden.mean((2, 3)))
        return torch.cat(means, 1)

    def embedding(self, pooled: Tensor) -> Tensor:
        """Map features as :meth:`pooled` gives them to unit vectors (N, 128): near where pictures are alike."""
        return F.normalize(self.embed(pooled[:, -WIDTHS[-1] :]), dim=1)

    def classify(self, pooled: Tensor) -> dict[str, Tensor]:
        """Map features as :meth:`pooled` gives them to the logits (N, L) of each label."""
        deep = F.dropout(pooled[:, -WIDTHS[-1] :], 0.3, self.training)
        return {name: head(deep) for name, head in self.heads.items()}

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Map float (N, 3, 128, 128) in 0..1 to standardized features (N, 512) and embeddings (N, 128)."""
        pooled = self.pooled(pictures)
        return (pooled - self.mean) / self.deviation, self.embedding(pooled)


def resized(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Resize float (N, 3, S, S) in 0..1 to `side`, antialiased."""
    shape = (side, side)
    enlarged: Tensor = F.interpolate(pictures, size=shape, mode="bilinear", antialias=True, align_corners=False)
    return enlarged.clamp(0, 1)


def load_network() -> ArtworkNetwork:
    """Load the network that comes with the package, frozen, in evaluation mode."""
    network = ArtworkNetwork(json.loads(WEIGHTS.with_suffix(".json").read_text("utf-8"))["labels"])
    network.load_state_dict(load_file(WEIGHTS))  # copied into float32
    return network.eval().requires_grad_(False)
