from pathlib import Path

import pytest
import torch

from pgtrain.data.dataset import Dataset, read
from pgtrain.data.options import DEFAULT
from pgtrain.engine.accelerator import Accelerator
from pgtrain.models.memory import COLOR_DIM, SHAPE_DIM, Codes
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.decoder import ColorEncoder, Decoder, Stage1, Stage2
from pgtrain.systems.stackgan.memory_gan import MemoryStackGAN
from pgtrain.systems.stackgan.memory_generator import OPAQUE, SECOND

SMALL = {"width": 8, "batch": 4, "stage1_pretrain": 1, "stage1_epochs": 2}


@pytest.fixture(scope="module")
def data(small_data: Path, tiny_encoder: Path) -> Dataset:
    return read([small_data, small_data], StackGANConfig(), str(tiny_encoder), DEFAULT)  # type: ignore[return-value]


@pytest.fixture
def system(data: Dataset) -> MemoryStackGAN:
    torch.manual_seed(0)
    config = StackGANConfig(**SMALL)
    config.resolve(4)
    return MemoryStackGAN(config, Accelerator("fp32"), data)


def step(system: MemoryStackGAN, data: Dataset, epoch: int) -> dict[str, float]:
    system.start_epoch(epoch)
    system.networks.train()
    return {name: float(value) for name, value in system.train_step(data, torch.arange(4), 0).items()}


def test_phases_follow_the_epochs(system: MemoryStackGAN) -> None:
    phases = [system.start_epoch(epoch) for epoch in range(3)]
    assert phases == ["stage I, reconstruction", "stage I, adversarial", "stage II, adversarial"]


def test_every_phase_has_finite_losses_and_moves_its_networks(system: MemoryStackGAN, data: Dataset) -> None:
    before = {name: value.clone() for name, value in system.networks.state_dict().items()}
    losses = [step(system, data, epoch) for epoch in range(3)]
    assert all(torch.isfinite(torch.tensor(list(each.values()))).all() for each in losses)
    assert all("shape_match" in each for each in losses)
    assert ["discriminator" in each for each in losses] == [False, True, True]
    moved = {name for name, value in system.networks.state_dict().items() if not torch.equal(value, before[name])}
    for part in (
        "generator.memory.shape_head",
        "generator.memory.table",
        "generator.decoder.stage2",
        "discriminator.stage1",
    ):
        assert any(name.startswith(part) for name in moved), part


def test_batch_in_parts_trains_every_phase(data: Dataset) -> None:
    config = StackGANConfig(**SMALL)
    config.resolve(4)
    system = MemoryStackGAN(config, Accelerator("fp32", accumulate=2), data)
    for epoch in range(3):
        assert all(torch.isfinite(torch.tensor(list(step(system, data, epoch).values()))))


def test_the_anchor_stays_while_the_generator_learns(system: MemoryStackGAN, data: Dataset) -> None:
    step(system, data, 0)
    system.start_epoch(1)
    before = {name: value.clone() for name, value in system.networks["anchor"].state_dict().items()}
    system.train_step(data, torch.arange(4), 0)
    assert all(torch.equal(value, before[name]) for name, value in system.networks["anchor"].state_dict().items())


def test_stage_two_learns_on_a_fixed_stage_one(system: MemoryStackGAN, data: Dataset) -> None:
    for epoch in range(2):
        step(system, data, epoch)
    system.start_epoch(2)
    before = {name: value.clone() for name, value in system.networks.state_dict().items()}
    step(system, data, 2)
    moved = {name for name, value in system.networks.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("generator.decoder.stage2") for name in moved)
    assert any(name.startswith("average.module.decoder.stage2") for name in moved)
    fixed = ("generator.decoder.stage1", "generator.memory.table", "anchor", "discriminator.stage1")
    assert not any(name.startswith(fixed) for name in moved)


@pytest.mark.parametrize(("stage", "phase"), [("1", "stage I, adversarial"), ("2", "stage II, adversarial")])
def test_a_single_stage_trains_to_the_end_of_a_longer_run(data: Dataset, stage: str, phase: str) -> None:
    config = StackGANConfig(width=8, batch=4, stage=stage, stage1_pretrain=0)
    config.resolve(2)
    system = MemoryStackGAN(config, Accelerator("fp32"), data)
    assert [system.start_epoch(epoch) for epoch in (0, 5)] == [phase, phase]


def test_further_pictures_of_a_name_are_second_choice(system: MemoryStackGAN, data: Dataset) -> None:
    half = len(data) // 2
    prior = system.generator.memory.prior
    assert (prior[:half] == 0).all()
    assert (prior[half:] == SECOND).all()
    assert system.generator.memory.partner.tolist() == [*range(half, len(data)), *range(half)]


def test_opaque_pictures_are_not_mixed(data: Dataset) -> None:
    opaque = Dataset(**vars(data))
    opaque.pictures = data.pictures.clone()
    opaque.pictures[0, 3] = 255
    config = StackGANConfig(**SMALL)
    config.resolve(4)
    system = MemoryStackGAN(config, Accelerator("fp32"), opaque)
    assert system.generator.memory.prior[0] == OPAQUE
    assert 0 not in system.mixable


def test_generated_pictures_have_the_size_of_the_last_stage(system: MemoryStackGAN, data: Dataset) -> None:
    latent, text = torch.randn(3, system.latent_dim), data.embeddings[:3]
    system.start_epoch(0)
    assert system.generate(latent, text).shape == (3, 4, 64, 64)
    system.start_epoch(2)
    pictures = system.generate(latent, text)
    assert pictures.shape == (3, 4, 128, 128)
    assert (pictures[:, :3] <= pictures[:, 3:] + 1e-6).all()


@pytest.mark.parametrize("pixels", [128, 256])
def test_stage_two_starts_as_an_enlargement(pixels: int) -> None:
    decoder = Decoder(8, pixels).eval()
    small, large = decoder(Codes(torch.randn(2, SHAPE_DIM, 4, 4), torch.randn(2, COLOR_DIM)))
    assert large is not None
    assert large.shape == (2, 4, pixels, pixels)
    enlarged = torch.nn.functional.interpolate(small, scale_factor=pixels / 64, mode="bilinear")
    assert torch.allclose(large, enlarged, atol=1e-5)


def test_color_codes_carry_no_layout() -> None:
    torch.manual_seed(0)
    encoder = ColorEncoder().eval()
    pictures = torch.rand(2, 4, 64, 64)
    pictures[:, :3] *= pictures[:, 3:]
    turned = pictures.flip(3).flip(2)
    # Flips change only what lies within one 3x3 window; kernels are random, so compare after making windows plain.
    for layer in encoder.layers:
        if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.weight.data[:] = layer.weight.data.mean((2, 3), keepdim=True)
    assert torch.allclose(encoder(pictures), encoder(turned), atol=1e-4)


def test_most_work_of_stage_two_is_at_32_pixels() -> None:
    stage2 = Stage2(32, 128)
    assert stage2.to_rgba.out_channels == 4 * 4
    assert isinstance(Stage1(32).to_rgba, torch.nn.Conv2d)


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_adversarial_phase_begins_once(system: MemoryStackGAN, data: Dataset, epoch: int) -> None:
    for earlier in range(epoch):
        step(system, data, earlier)
    system.start_epoch(epoch)
    system.train_step(data, torch.arange(4), 0)
    before = {name: value.clone() for name, value in system.networks.state_dict().items()}
    system.start_epoch(epoch)
    assert all(torch.equal(value, before[name]) for name, value in system.networks.state_dict().items())


@pytest.mark.parametrize(
    "pattern", [(1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)], ids=["columns", "rows", "checkers"]
)
def test_stage2_draws_no_pattern_of_single_pixels(pattern: tuple[int, ...]) -> None:
    stage2 = Stage2(width=8, pixels=128).eval()
    with torch.no_grad():
        stage2.to_rgba.bias.copy_(torch.tensor(pattern).repeat(4))
        drawn = stage2(torch.randn(1, 8, 64, 64), torch.zeros(1, 4, 64, 64), torch.randn(1, COLOR_DIM))
    assert drawn[..., 2:-2, 2:-2].abs().max() < 1e-6
