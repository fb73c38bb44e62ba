"""Features of pictures that need not exist."""

import torch
from torch import Tensor

from pgtrain.evaluation.features.extractors import Features


def cloud(count: int, shift: float = 0.0, seed: int = 0) -> Tensor:
    """Draw normal values around `shift`, float32 (count, 16)."""
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)) + shift


def embedded(values: Tensor) -> Features:
    return Features(values, torch.nn.functional.normalize(values, dim=1))
