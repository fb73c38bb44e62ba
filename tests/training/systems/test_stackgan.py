from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from pgtrain.data.dataset import Dataset, load_dataset
from pgtrain.engine.accelerator import Engine
from pgtrain.models.layers import premultiply, r1_penalty
from pgtrain.models.reconstruction import annealed
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.networks import ConditioningAugmentation, Discriminator, Generator
from pgtrain.systems.stackgan.system import StackGAN, reconstruction_loss

SMALL = StackGANConfig(
    width=8,
    critic_width=4,
    batch=4,
    condition_dim=8,
    noise_dim=8,
    stage1_epochs=2,
    stage1_pretrain=1,
    discriminator="projection",
)


@pytest.fixture
def data(small_data: Path, tiny_encoder: Path) -> Dataset:
    return load_dataset(small_data, 128, str(tiny_encoder))


@pytest.mark.parametrize("size", [128, 256])
def test_shapes_and_stage_two_starts_as_an_enlargement(size: int) -> None:
    config = StackGANConfig(size=size, width=8, condition_dim=8, noise_dim=8)
    generator = Generator(config, 32, 10).eval()
    latent, text = torch.randn(3, config.latent_dim), torch.randn(3, 32)
    small, _ = generator(latent, text, stage=1)
    large, _ = generator(latent, text, stage=2)
    assert small.shape == (3, 4, 64, 64)
    assert large.shape == (3, 4, size, size)
    assert torch.allclose(large, F.interpolate(small, size=(size, size), mode="bilinear"), atol=1e-5)
    assert Discriminator(size, 4, 10)(premultiply(large), torch.randn(3, 10)).shape == (3,)


def test_kl_term_vanishes_only_at_a_standard_normal() -> None:
    layer = ConditioningAugmentation(4, 6)
    text = torch.randn(5, 4)
    assert layer(text, torch.zeros(5, 6))[1] > 0
    torch.nn.init.zeros_(layer.linear.weight)
    condition, divergence = layer(text, torch.ones(5, 6))
    assert divergence == 0
    assert torch.equal(condition, torch.ones(5, 6))


def test_premultiplied_color_never_exceeds_alpha() -> None:
    pictures = premultiply(torch.randn(2, 4, 8, 8) * 5)
    assert (pictures[:, :3] <= pictures[:, 3:]).all()


def test_reconstruction_loss_is_zero_only_for_equals() -> None:
    pictures = torch.rand(2, 4, 16, 16)
    assert reconstruction_loss(pictures, pictures) == 0
    assert reconstruction_loss(pictures, 1 - pictures) > 0


def test_r1_matches_a_known_gradient() -> None:
    class Sum(torch.nn.Module):
        def forward(self, pictures: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            return 3 * pictures.sum((1, 2, 3))

    penalty = r1_penalty(Sum(), torch.rand(2, 4, 5, 5), torch.zeros(2, 1))
    assert penalty.item() == pytest.approx(9 * 100)


def test_phases_follow_the_epochs(data: Dataset) -> None:
    config = StackGANConfig(**vars(SMALL) | {"stage2_pretrain": 1})
    system = StackGAN(config, Engine("fp32"), data)
    assert [system.start_epoch(epoch) for epoch in range(4)] == [
        "stage I, reconstruction",
        "stage I, adversarial",
        "stage II, reconstruction",
        "stage II, adversarial",
    ]


def test_defaults_of_the_schedule_survive_a_longer_resume() -> None:
    config = StackGANConfig(generator="conditional")
    config.resolve(200)
    assert (config.stage1_epochs, config.stage1_pretrain, config.stage2_pretrain) == (160, 120, 24)
    config.resolve(400)
    assert config.stage1_epochs == 160
    default = StackGANConfig()
    for epochs in (200, 400):
        default.resolve(epochs)
        assert (default.stage1_pretrain, default.stage2_pretrain) == (50, 20)


def test_rate_of_reconstruction_falls_to_a_tenth(data: Dataset) -> None:
    assert annealed(0) == 1
    assert annealed(0.5) == pytest.approx(0.55)
    assert annealed(1) == pytest.approx(0.1)
    system = StackGAN(StackGANConfig(**vars(SMALL) | {"stage1_epochs": 8, "stage1_pretrain": 8}), Engine("fp32"), data)
    rates = []
    for epoch in range(8):
        system.start_epoch(epoch)
        rates.append(system.optimizers["pretrain1"].param_groups[0]["lr"])
    assert rates[0] == SMALL.pretrain_lr
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.15 * SMALL.pretrain_lr


def test_variance_cannot_overflow() -> None:
    layer = ConditioningAugmentation(4, 6)
    torch.nn.init.constant_(layer.linear.weight, 1e3)
    condition, divergence = layer(torch.ones(5, 4), torch.zeros(5, 6))
    assert torch.isfinite(divergence)
    assert torch.isfinite(condition).all()
    assert torch.equal(condition, layer.linear(torch.ones(5, 4))[:, :6])  # the draw is 0: the mean is left
    spread = layer(torch.ones(5, 4), torch.ones(5, 6))[0] - condition
    assert spread.max() < 3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_reconstruction_learns(data: Dataset, precision: str) -> None:
    torch.manual_seed(0)
    system = StackGAN(SMALL, Engine(precision), data)  # type: ignore[arg-type]
    system.start_epoch(0)
    losses = [system.train_step(data, torch.arange(4), step)["reconstruction"].item() for step in range(40)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_phase_trains_on_cuda(data: Dataset, precision: str) -> None:
    engine = Engine(precision)  # type: ignore[arg-type]
    assert engine.device.type == "cuda"
    system = StackGAN(StackGANConfig(**vars(SMALL) | {"stage2_pretrain": 1}), engine, data.to(engine.device))
    for epoch in range(4):
        system.start_epoch(epoch)
        system.networks.train()
        found = system.train_step(data, torch.arange(4, device=engine.device), 0)
        assert all(torch.isfinite(value) for value in found.values())
    assert torch.isfinite(system.generate(*system.fixed)).all()


def test_training_stage_two_leaves_stage_one_alone(data: Dataset) -> None:
    system = StackGAN(SMALL, Engine("fp32"), data)
    system.start_epoch(2)
    system.networks.train()
    before = {name: value.clone() for name, value in system.generator.stage1.state_dict().items()}
    refined = system.generator.stage2.to_rgba.weight.clone()
    for step in range(2):
        system.train_step(data, torch.arange(4), step)
    assert all(torch.equal(before[name], value) for name, value in system.generator.stage1.state_dict().items())
    assert not torch.equal(refined, system.generator.stage2.to_rgba.weight)
