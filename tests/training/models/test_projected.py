import pytest
import torch
from torch import Tensor

from pgtrain.models import projected_discriminator
from pgtrain.models.efficientnet_lite import load_lite
from pgtrain.models.projected_discriminator import (
    BACKGROUND_DRAWS,
    MIXED,
    SIDE,
    FeatureDiscriminator,
    FrozenFeatures,
    on_random_background,
)


@pytest.fixture(scope="module")
def frozen() -> FrozenFeatures:
    return FrozenFeatures(SIDE)


def test_scores_are_given_at_every_place_of_every_head(frozen: FrozenFeatures) -> None:
    pictures = torch.rand(3, 3, 64, 64)
    scores = FeatureDiscriminator(64)([pictures, *frozen(pictures)])
    assert (scores.shape, scores.dtype) == ((3, 5 * 16), torch.float32)


def test_large_pictures_are_seen_as_they_are_and_small_ones_enlarged(frozen: FrozenFeatures) -> None:
    assert [level.shape[-1] for level in frozen(torch.rand(1, 3, 64, 64))] == [32, 16, 8, 4]
    large = torch.rand(1, 3, 256, 256)
    maps = FrozenFeatures(256)(large)
    assert [level.shape[-1] for level in maps] == [64, 32, 16, 8]
    assert FeatureDiscriminator(256)([large, *maps]).shape == (1, 80)


def test_alpha_channel_shows_on_other_grounds_and_as_a_silhouette() -> None:
    torch.manual_seed(0)
    half = torch.zeros(400, 4, 8, 8)
    half[:, :, :, 4:] = 1  # white on the right, nothing on the left
    seen = on_random_background(half, torch.rand(400, BACKGROUND_DRAWS))
    left, right = seen[..., :4].flatten(2).mean(2), seen[..., 4:].flatten(2).mean(2)
    white = (left == 1).all(1) & (right == 1).all(1)
    silhouette = (left == 1).all(1) & (right == 0).all(1)
    colored = (left != 1).any(1) & (right == 1).all(1)
    assert (white | silhouette | colored).all()
    for share, rows in ((projected_discriminator.WHITE, white), (projected_discriminator.SILHOUETTE, silhouette)):
        assert rows.float().mean() == pytest.approx(share, abs=0.08)


def test_gradients_reach_the_pictures_and_frozen_weights_stay(frozen: FrozenFeatures) -> None:
    pictures = torch.rand(2, 4, 64, 64, requires_grad=True)
    seen = on_random_background(pictures, torch.rand(2, BACKGROUND_DRAWS))
    FeatureDiscriminator(64)([seen, *frozen(seen)]).mean().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    assert not [name for name, parameter in frozen.named_parameters() if parameter.requires_grad]
    assert not frozen.network.training


def test_feature_distance_is_relative_and_zero_for_equal_maps() -> None:
    maps, targets = [torch.full((2, 3, 4, 4), 3.0)], [torch.full((2, 3, 4, 4), 2.0)]
    assert projected_discriminator.feature_distance(maps, maps) == 0
    assert projected_discriminator.feature_distance(maps, targets) == pytest.approx(0.5)
    assert projected_discriminator.feature_distance([maps[0] * 10], [targets[0] * 10]) == pytest.approx(0.5)


def test_frozen_features_are_equal_whatever_the_seed(frozen: FrozenFeatures) -> None:
    torch.manual_seed(7)
    pictures = torch.rand(1, 3, 64, 64)
    for one, other in zip(frozen(pictures), FrozenFeatures(SIDE)(pictures), strict=True):
        assert torch.equal(one, other)


def test_features_are_those_of_the_network(frozen: FrozenFeatures) -> None:
    """Convolutions without strides, and a choice after them, change no number."""
    pictures = torch.rand(1, 3, SIDE, SIDE)
    network = load_lite(1, "train")
    hidden: Tensor = network._swish(network._conv_stem(frozen._scaled(pictures)))
    seen = []
    for number, block in enumerate(network._blocks):
        hidden = block(hidden)
        if number in projected_discriminator.TAPS:
            seen.append(hidden)
    assert [tuple(each.shape[1:]) for each in seen] == [
        (channels, side, side)
        for channels, side in zip(projected_discriminator.TAPS.values(), (32, 16, 8, 4), strict=True)
    ]
    maps = frozen(pictures)
    assert torch.allclose(maps[-1], frozen.lateral[-1](seen[-1]), atol=1e-4)
    assert [each.shape[1] for each in maps] == list(MIXED)
