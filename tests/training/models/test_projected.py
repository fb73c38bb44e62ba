from pathlib import Path

import pytest
import torch

from pgtrain.data.dataset import load_dataset
from pgtrain.engine.accelerator import Engine
from pgtrain.models import projected_discriminator
from pgtrain.models.efficientnet_lite import load_lite
from pgtrain.models.projected_discriminator import MIXED, FrozenFeatures, ProjectedDiscriminator
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.system import StackGAN


@pytest.fixture(scope="module")
def critic() -> ProjectedDiscriminator:
    torch.manual_seed(0)
    return ProjectedDiscriminator(64, 10).eval()  # in training every call improves the estimate of the spectral norms


def test_projected_discriminator_scores_every_text_at_every_place_of_every_head(critic: ProjectedDiscriminator) -> None:
    pictures, text = torch.rand(3, 4, 64, 64), torch.randn(3, 10)
    torch.manual_seed(1)
    both = critic(pictures, text, text.roll(1, 0))
    assert both.shape == (6, 4 * 16)
    assert both.dtype == torch.float32
    assert not torch.allclose(both[:3], both[3:])
    torch.manual_seed(1)  # the same grounds
    assert torch.allclose(critic(pictures, text), both[:3], atol=1e-5)


def test_rgb_pictures_are_scored(critic: ProjectedDiscriminator) -> None:
    assert critic(torch.rand(2, 3, 64, 64), torch.randn(2, 10)).shape == (2, 64)


def test_large_pictures_are_seen_as_they_are_and_small_ones_enlarged() -> None:
    assert [ProjectedDiscriminator(size, 10)._frozen[0].side for size in (64, 128, 256)] == [128, 128, 256]
    large = ProjectedDiscriminator(256, 10)
    assert [level.shape[-1] for level in large._frozen[0](torch.rand(1, 3, 256, 256))] == [64, 32, 16, 8]
    assert large(torch.rand(2, 4, 256, 256), torch.randn(2, 10)).shape == (2, 64)


def test_alpha_channel_shows_on_other_grounds_and_as_a_silhouette() -> None:
    torch.manual_seed(0)
    half = torch.zeros(400, 4, 8, 8)
    half[:, :, :, 4:] = 1  # white on the right, nothing on the left
    seen = projected_discriminator.on_some_ground(half)
    left, right = seen[..., :4].flatten(2).mean(2), seen[..., 4:].flatten(2).mean(2)
    white = (left == 1).all(1) & (right == 1).all(1)
    silhouette = (left == 1).all(1) & (right == 0).all(1)
    colored = (left != 1).any(1) & (right == 1).all(1)
    assert (white | silhouette | colored).all()
    for share, found in ((projected_discriminator.WHITE, white), (projected_discriminator.SILHOUETTE, silhouette)):
        assert found.float().mean() == pytest.approx(share, abs=0.08)


def test_gradients_reach_the_pictures_and_what_is_frozen_stays(critic: ProjectedDiscriminator) -> None:
    pictures = torch.rand(2, 4, 64, 64, requires_grad=True)
    critic.requires_grad_(False)
    critic(pictures, torch.randn(2, 10)).mean().backward()
    critic.requires_grad_(True).train()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    frozen = critic._frozen[0]
    assert not [name for name, parameter in frozen.named_parameters() if parameter.requires_grad]
    assert not frozen.network.training


def test_checkpoint_holds_the_heads_alone(critic: ProjectedDiscriminator) -> None:
    assert all(name.startswith("heads.") for name in critic.state_dict())
    assert sum(parameter.numel() for parameter in critic.parameters()) < 2_000_000


def test_frozen_features_are_equal_whatever_the_seed(critic: ProjectedDiscriminator) -> None:
    torch.manual_seed(7)
    pictures = torch.rand(1, 3, 64, 64)
    for one, other in zip(
        critic._frozen[0](pictures), FrozenFeatures(projected_discriminator.SIDE)(pictures), strict=True
    ):
        assert torch.equal(one, other)


def test_projected_discriminator_moves_with_its_frozen_part(critic: ProjectedDiscriminator) -> None:
    assert {parameter.dtype for parameter in ProjectedDiscriminator(64, 10).double()._frozen[0].parameters()} == {
        torch.float64
    }


def test_features_are_those_of_the_network() -> None:
    """Convolutions without strides, and a choice after them, change no number."""
    pictures = torch.rand(1, 3, projected_discriminator.SIDE, projected_discriminator.SIDE)
    network, ours = load_lite(1, "train", ""), FrozenFeatures(projected_discriminator.SIDE)
    hidden = network._swish(network._conv_stem(ours._scaled(pictures)))
    seen = []
    for number, block in enumerate(network._blocks):
        hidden = block(hidden)
        if number in projected_discriminator.TAPS:
            seen.append(hidden)
    assert [tuple(each.shape[1:]) for each in seen] == [
        (channels, side, side)
        for channels, side in zip(projected_discriminator.TAPS.values(), (32, 16, 8, 4), strict=True)
    ]
    deepest = ours.lateral[-1](seen[-1])
    found = ours(pictures)
    assert torch.allclose(found[-1], deepest, atol=1e-4)
    assert [each.shape[1] for each in found] == list(MIXED)


def test_stackgan_trains_against_it_and_reconstructs_names_alone(small_data: Path, tiny_encoder: Path) -> None:
    data = load_dataset(small_data, 128, str(tiny_encoder))
    small = {"width": 8, "batch": 4, "condition_dim": 8, "noise_dim": 8, "stage1_epochs": 1, "stage1_pretrain": 0}
    config = StackGANConfig(**small, stage2_pretrain=0, discriminator="projected", reconstruct="named")  # type: ignore[arg-type]
    system = StackGAN(config, Engine("fp32"), data)
    for epoch in range(2):
        system.start_epoch(epoch)
        system.networks.train()
        before = system.networks[f"discriminator{epoch + 1}"].heads[0].project.weight.clone()  # type: ignore[index,union-attr]
        told = system.train_step(data, torch.arange(4), 0)
        assert "r1" not in told
        assert all(torch.isfinite(value) for value in told.values())
        assert not torch.equal(before, system.networks[f"discriminator{epoch + 1}"].heads[0].project.weight)  # type: ignore[index,union-attr]
    assert data.caption_named.any()
    data.caption_named[:] = False  # nothing names its Pokémon, so nothing is to be reconstructed
    assert system.train_step(data, torch.arange(4), 0)["reconstruction"] == 0
