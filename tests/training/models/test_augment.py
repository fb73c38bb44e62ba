"""Augmentation of sprites, whose pixels are not mixed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pgtrain.models.augment import DRAWS, augment, jitter

SIDE = 96


def sprite(count: int) -> Tensor:
    """Premultiplied RGBA of few levels around the middle, float (N, 4, SIDE, SIDE)."""
    pictures = torch.zeros(count, 4, SIDE, SIDE)
    body = torch.randint(0, 4, (count, 3, 50, 60), generator=torch.Generator().manual_seed(1)) / 3
    pictures[:, :3, 20:70, 16:76], pictures[:, 3, 20:70, 16:76] = body, 1
    return pictures


def only_moved(pictures: Tensor) -> Tensor:
    draws = torch.rand(len(pictures), DRAWS)
    draws[:, 4:] = 0.5  # no change of color
    return augment(pictures, draws, whole_pixels=True)


@pytest.mark.parametrize("change", [only_moved, lambda pictures: jitter(pictures, 1.0, whole_pixels=True)])
def test_whole_pixels_are_moved_and_not_mixed(change: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    pictures = sprite(32)
    changed = change(pictures)
    for before, after in zip(pictures, changed, strict=True):
        where = (after[3] > 0).nonzero()
        (top, left), (bottom, right) = where.amin(0), where.amax(0) + 1
        body = after[:, top:bottom, left:right]
        original = before[:, 20:70, 16:76]
        assert torch.allclose(body, original, atol=1e-6) or torch.allclose(body, original.flip(2), atol=1e-6)
    assert not torch.equal(changed, pictures)


def test_gradients_pass_through_moves_of_whole_pixels() -> None:
    pictures = sprite(2).requires_grad_(True)
    augment(pictures, whole_pixels=True).sum().backward()
    assert pictures.grad is not None
    assert (pictures.grad != 0).any()
