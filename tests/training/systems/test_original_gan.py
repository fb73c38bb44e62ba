"""The original recipe: its networks, its schedule, and a run from end to end."""

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file

from pgtrain.data import sources
from pgtrain.data.dataset import Dataset, decoded
from pgtrain.engine.accelerator import Accelerator
from pgtrain.engine.run import CHECKPOINT
from pgtrain.models.compositing import as_rgba, on_white
from pgtrain.systems.stackgan.config import RECIPES, StackGANConfig
from pgtrain.systems.stackgan.original import (
    CONDITION_DIM,
    LATENT_DIM,
    ConditioningAugmentation,
    JointDiscriminator,
    OriginalGenerator,
)
from pgtrain.systems.stackgan.original_gan import OriginalStackGAN
from pgtrain.train import Request, train

ORIGINAL = {name: value for name, value in RECIPES["original"].items() if name != "epochs"}
# The dense layer has width x 13,056 x 1,024 weights: as narrow as can be.
TINY = ORIGINAL | {"width": 1, "batch": 4}
AVERAGED = "network.average.module."


def run(data: Path, encoder: Path, out: Path, epochs: int, *, resume: bool = False, **recipe: object) -> Path:
    request = Request("stackgan", data, out, epochs, str(encoder), 7, "fp32", 60, resume)
    train(request, StackGANConfig(**TINY | recipe))
    return out


@pytest.fixture(scope="module")
def data(small_data: Path, tiny_encoder: Path) -> Dataset:
    return cast(Dataset, decoded(sources.read(small_data), 128, str(tiny_encoder)))


@pytest.fixture
def system(data: Dataset) -> OriginalStackGAN:
    torch.manual_seed(0)
    return OriginalStackGAN(StackGANConfig(**TINY, stage1_epochs=1), Accelerator("fp32"), data)


def test_networks_have_the_sizes_of_the_original() -> None:
    config = StackGANConfig(**ORIGINAL)
    with torch.device("meta"):
        generator = OriginalGenerator(config, 768)
        logits = generator(torch.randn(3, LATENT_DIM), torch.randn(3, 768))
        discriminators = [JointDiscriminator(size, 64, 768, 0.4) for size in (64, 128)]
        scores = [
            discriminator(picture, torch.randn(3, 768))
            for discriminator, picture in zip(discriminators, logits, strict=True)
        ]
    assert [stage.shape for stage in logits] == [(3, 3, 64, 64), (3, 3, 128, 128)]
    assert [score.shape for score in scores] == [(3,), (3,)]
    dense = generator.get_submodule("stage2.decoder.0")
    assert round(sum(weight.numel() for weight in dense.parameters()) / 1e6) == 428
    ups = [layer.out_channels for layer in generator.stage1.decoder if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert ups == [64, 32, 3]
    widths = [
        [layer.out_channels for layer in discriminator.layers if isinstance(layer, torch.nn.Conv2d)]
        for discriminator in discriminators
    ]
    assert widths == [[64, 128, 256], [64, 128, 256, 512]]
    assert [discriminator.joint[0].out_channels for discriminator in discriminators] == [512, 512]


def test_discriminators_have_width_and_dropout_of_the_original(system: OriginalStackGAN) -> None:
    discriminators = [system.networks[f"discriminator{stage}"] for stage in (1, 2)]
    drops = [
        {layer.p for layer in discriminator.layers if isinstance(layer, torch.nn.Dropout)}
        for discriminator in discriminators
    ]  # type: ignore[union-attr]
    assert drops == [{0.0}, {0.4}]
    assert [discriminator.layers[0].out_channels for discriminator in discriminators] == [2, 2], (
        "twice the generator's width"
    )  # type: ignore[index,union-attr]


def test_optimizers_have_rates_of_the_original(system: OriginalStackGAN) -> None:
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in system.optimizers.items()}
    assert rates == pytest.approx(
        {"generator1": 5e-4, "discriminator1": 5e-4, "generator2": 2e-3, "discriminator2": 2e-4}
    )
    assert {optimizer.param_groups[0]["betas"] for optimizer in system.optimizers.values()} == {(0.5, 0.999)}


def test_stage_one_takes_two_thirds_of_the_epochs() -> None:
    config = StackGANConfig(**ORIGINAL)
    config.resolve(RECIPES["original"]["epochs"])
    assert config.stage1_epochs == 200
    config.resolve(600)
    assert config.stage1_epochs == 200, "a longer resume keeps the schedule"


def test_augmentation_adds_noise_of_bounded_deviation() -> None:
    layer = ConditioningAugmentation(4)
    torch.nn.init.constant_(layer.linear.weight, 1e3)
    mean = layer(torch.ones(5, 4), torch.zeros(5, CONDITION_DIM))
    assert torch.equal(mean, layer.linear(torch.ones(5, 4))[:, :CONDITION_DIM])
    spread = layer(torch.ones(5, 4), torch.ones(5, CONDITION_DIM)) - mean
    assert 0 < spread.max() < 3


def test_rgb_is_laid_on_white_and_shown_opaque() -> None:
    white = on_white(torch.zeros(1, 4, 8, 8))
    assert torch.equal(white, torch.ones(1, 3, 8, 8))
    assert torch.equal(as_rgba(white), torch.ones(1, 4, 8, 8))


def test_discriminator_reads_the_text() -> None:
    discriminator = JointDiscriminator(64, 2, 10, 0.0)
    pictures = torch.rand(1, 3, 64, 64)
    assert discriminator(pictures, torch.randn(1, 10)) != discriminator(pictures, torch.randn(1, 10))


def test_training_stage_two_leaves_stage_one_alone(system: OriginalStackGAN, data: Dataset) -> None:
    assert system.start_epoch(1) == "stage II, adversarial"
    system.networks.train()
    before = {name: value.clone() for name, value in system.generator.state_dict().items()}
    losses = system.train_step(data, torch.arange(4), 0)
    assert losses.keys() == {"discriminator", "generator"}
    moved = {name for name, value in system.generator.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("stage2.") for name in moved)


def test_stage_one_alone_stays_alone(data: Dataset) -> None:
    config = StackGANConfig(**TINY, stage="1", stage1_epochs=2)
    system = OriginalStackGAN(config, Accelerator("fp32"), data)
    assert {system.start_epoch(epoch) for epoch in range(4)} == {"stage I, adversarial"}
    assert not [name for name in system.networks.state_dict() if "stage2" in name or "discriminator2" in name]


def test_original_trains_from_end_to_end_and_resumes(small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    whole = run(small_data, tiny_encoder, tmp_path / "whole", 3)
    phases = [json.loads(line)["phase"] for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert phases == ["stage I, adversarial"] * 2 + ["stage II, adversarial"]
    parts = tmp_path / "parts"
    run(small_data, tiny_encoder, parts, 2, stage1_epochs=2)
    run(small_data, tiny_encoder, parts, 3, resume=True)
    ours, theirs = load_file(whole / CHECKPOINT), load_file(parts / CHECKPOINT)
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]
    weights = [name for name in ours if name.startswith(AVERAGED) and name.endswith("weight")]
    assert all(torch.equal(ours[name], ours[name.replace(AVERAGED, "network.generator.")]) for name in weights)
