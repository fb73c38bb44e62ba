from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pgtrain.data import sources
from pgtrain.data.dataset import Pictures, decoded
from pgtrain.engine.accelerator import Accelerator
from pgtrain.models.compositing import on_white
from pgtrain.models.layers import gradient_penalty
from pgtrain.systems.dcgan import system as dcgan
from pgtrain.systems.dcgan.config import RECIPES as DCGAN_RECIPES
from pgtrain.systems.dcgan.config import DCGANConfig
from pgtrain.systems.dcgan.system import DCGAN
from pgtrain.systems.wgan import system as wgan
from pgtrain.systems.wgan.config import RECIPES as WGAN_RECIPES
from pgtrain.systems.wgan.config import WGANConfig
from pgtrain.systems.wgan.system import WGAN

SMALL = {"width": 8, "batch": 4, "latent_dim": 8}


@pytest.fixture
def data(small_data: Path) -> Pictures:
    return decoded(sources.read(small_data), 64)


def make(system: type, config: type, data: Pictures, precision: str = "fp32", **options: object) -> DCGAN | WGAN:
    torch.manual_seed(0)
    resolved = config(**SMALL | options)
    resolved.resolve(1)
    made: DCGAN | WGAN = system(resolved, Accelerator(precision), data)  # type: ignore[arg-type]
    return made


CASES = [
    (DCGAN, DCGANConfig, {}),
    (DCGAN, DCGANConfig, DCGAN_RECIPES["original"]),
    (WGAN, WGANConfig, {"size": 64}),
    (WGAN, WGANConfig, {"size": 64, "lipschitz": "clip"}),
    (WGAN, WGANConfig, WGAN_RECIPES["original"] | {"size": 64}),
]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("system", "config", "options"), CASES)
def test_every_recipe_trains_both_networks(
    data: Pictures, system: type, config: type, options: dict[str, object], precision: str
) -> None:
    made = make(system, config, data, precision, **options | SMALL)
    before = {name: value.clone() for name, value in made.networks.state_dict().items()}
    for step in range(6):
        metrics = made.train_step(data, torch.arange(4), step)
        assert all(torch.isfinite(value) for value in metrics.values())
    after = made.networks.state_dict()
    for part in ("generator", made.opponent, "average"):
        weights = [name for name in after if name.startswith(part) and name.endswith("weight")]
        assert any(not torch.equal(before[name], after[name]) for name in weights), part
    pictures = made.generate(made.fixed)
    assert pictures.shape == (64, 4, 64, 64)
    assert 0 <= pictures.min() <= pictures.max() <= 1


@pytest.mark.parametrize("size", [32, 64, 96, 128, 256])
@pytest.mark.parametrize("blocks", ["upsample", "transposed"])
@pytest.mark.parametrize(
    ("config", "generator", "opponent"),
    [(DCGANConfig, dcgan.Generator, dcgan.Discriminator), (WGANConfig, wgan.Generator, wgan.Critic)],
)
def test_networks_draw_and_score_every_size(
    config: type, generator: type[nn.Module], opponent: type[nn.Module], blocks: str, size: int
) -> None:
    chosen = config(size=size, width=4, latent_dim=8, blocks=blocks)
    pictures = generator(chosen)(torch.randn(2, 8))
    assert pictures.shape == (2, 4, size, size)
    assert opponent(chosen)(pictures).shape == (2,)


def test_frozen_wgan_draws_the_same_at_96_pixels() -> None:
    network = wgan.Generator(WGANConfig(size=96, width=4, latent_dim=8))
    network(torch.randn(8, 8))
    latent = torch.randn(2, 8)
    with torch.no_grad():
        expected = network.eval()(latent)
        network.freeze()
        assert torch.allclose(network(latent), expected, atol=1e-5)


def test_rgb_is_composited_on_white(data: Pictures) -> None:
    made = make(DCGAN, DCGANConfig, data, channels=3)
    white = on_white(torch.zeros(1, 4, 8, 8))
    assert torch.equal(white, torch.ones(1, 3, 8, 8))
    assert torch.allclose(made._augmented(white), white), "white stays white under augmentation"


def test_clipping_bounds_the_critic(data: Pictures) -> None:
    made = make(WGAN, WGANConfig, data, size=64, lipschitz="clip")
    made.train_step(data, torch.arange(4), 0)
    assert max(weight.abs().max() for weight in made.networks["critic"].parameters()) <= 0.01
    assert (made.config.lr, made.config.critic_lr, made.config.critic_steps) == (2e-4, 2e-4, 5)


def test_penalized_critic_learns_faster_instead_of_more_often(data: Pictures) -> None:
    def rates(**options: object) -> list[float]:
        made = make(WGAN, WGANConfig, data, **{"size": 64} | options)
        return [made.optimizers[network].param_groups[0]["lr"] for network in ("generator", "critic")]

    assert rates() == pytest.approx([2e-4, 1e-3])
    assert rates(lr=1e-4) == pytest.approx([1e-4, 5e-4])
    assert rates(**WGAN_RECIPES["original"] | SMALL | {"size": 64}) == [1e-4, 1e-4]
    assert rates(critic_lr=3e-4) == [2e-4, 3e-4], "as a resumed run has it, whose default was resolved before"


def test_generator_waits_for_its_turn(data: Pictures) -> None:
    made = make(WGAN, WGANConfig, data, size=64, critic_steps=3)
    assert ["generator" in made.train_step(data, torch.arange(4), step) for step in range(6)] == [
        False,
        False,
        True,
    ] * 2


def test_penalty_is_zero_only_for_unit_gradients() -> None:
    class Slope(nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, pictures: Tensor) -> Tensor:
            return self.slope * pictures.flatten(1).sum(1) / 64**0.5

    real, fake = torch.rand(2, 3, 4, 8, 8)[:, :, :1]
    assert gradient_penalty(Slope(1), real, fake).item() == pytest.approx(0, abs=1e-6)
    assert gradient_penalty(Slope(3), real, fake).item() == pytest.approx(4)


def test_penalty_mixes_each_picture_by_one_number() -> None:
    seen: list[Tensor] = []

    class Watch(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            seen.append(pictures.detach())
            return pictures.flatten(1).sum(1)

    gradient_penalty(Watch(), torch.zeros(5, 3, 4, 4), torch.ones(5, 3, 4, 4))
    assert (seen[0].flatten(1).std(1) == 0).all()
    assert seen[0].flatten(1)[:, 0].unique().numel() == 5


@pytest.mark.parametrize(("system", "config", "size"), [(DCGAN, DCGANConfig, 32), (WGAN, WGANConfig, 32)])
def test_reconstruction_comes_first_and_teaches_the_generator_alone(
    data: Pictures, system: type, config: type, size: int
) -> None:
    made = make(system, config, data, size=size, pretrain=2)
    assert [made.start_epoch(epoch) for epoch in (1, 2)] == ["reconstruction", "adversarial"]
    made.start_epoch(0)
    opponent = [weight.clone() for weight in made.networks[made.opponent].parameters()]
    losses = [made.train_step(data, torch.arange(12), step)["reconstruction"].item() for step in range(60)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert all(map(torch.equal, opponent, made.networks[made.opponent].parameters()))
    codes = make(system, config, data, size=size).codes
    assert torch.equal(made.codes, codes), "the same after a resume"


def test_new_discriminator_tells_pictures_apart(data: Pictures) -> None:
    """Its scores neither fade nor explode on the way through the layers."""
    discriminator = make(DCGAN, DCGANConfig, data, width=32, size=64).networks["discriminator"]
    scores = discriminator(data.pictures.float() / 255)
    assert 0.05 < scores.std() < 20
