import pytest
import torch

from pgtrain.models.compositing import visible
from pgtrain.models.layers import r1_penalty
from pgtrain.models.reconstruction import annealed, reconstruction_loss


def test_premultiplied_color_never_exceeds_alpha() -> None:
    pictures = visible(torch.randn(2, 4, 8, 8) * 5)
    assert (pictures[:, :3] <= pictures[:, 3:]).all()


def test_reconstruction_loss_is_zero_only_for_equals() -> None:
    pictures = torch.rand(2, 4, 16, 16)
    assert reconstruction_loss(pictures, pictures) == 0
    assert reconstruction_loss(pictures, 1 - pictures) > 0


def test_r1_matches_a_known_gradient() -> None:
    class Sum(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return 3 * pictures.sum((1, 2, 3))

    assert r1_penalty(Sum(), torch.rand(2, 4, 5, 5)).item() == pytest.approx(9 * 100)


def test_rate_of_reconstruction_falls_to_a_tenth() -> None:
    assert annealed(0) == 1
    assert annealed(0.5) == pytest.approx(0.55)
    assert annealed(1) == pytest.approx(0.1)
