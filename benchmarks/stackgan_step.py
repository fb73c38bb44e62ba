"""A step of `pgtrain stackgan`: images a second beside a plain loop of the same networks, and where its time goes.

    python benchmarks/stackgan_step.py --data FOLDER        # writes benchmarks/results/stackgan_step.json

Both sides train the adversarial phases of the default recipe in bf16 on the same pictures, from untrained networks. The
plain loop is the same step as one writes it at first: PyTorch's default memory layout, torch.optim.Adam, the strided
depthwise convolutions of EfficientNet-Lite1 as they are, and pictures generated anew for the step of each network. Both
take turns of STEPS steps, so that the machine's drift hits both alike; figures are medians over rounds. Afterwards
parts of the project's step are timed, each without the parts inside it.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any, cast
from unittest.mock import patch

import torch
from rounds import in_turn, ratios, spread
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgtrain.data import sources
from pgtrain.data.dataset import Dataset, decoded
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.models import projected_discriminator
from pgtrain.models.text_encoder import DEFAULT_ENCODER
from pgtrain.systems.stackgan import memory_gan
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.memory_gan import MemoryBatch, MemoryStackGAN

RESULT = Path(__file__).parent / "results" / "stackgan_step.json"
STEPS, WARM_UP = 8, 1
EPOCHS = 4
"""Epochs of the run whose adversarial phases are measured; none is trained to its end."""


class PlainAccelerator(Accelerator):
    """Leaves the layout of networks as it is, and updates by torch.optim.Adam."""

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device."""
        return network.to(self.device)

    def adam(
        self, network: nn.Module, lr: float, betas: tuple[float, float], **others: tuple[nn.Module, float]
    ) -> Optimizer:
        """Make an Adam as PyTorch's default is."""
        groups = [{"params": list(each.parameters()), "lr": rate} for each, rate in ((network, lr), *others.values())]
        return self._accelerate.prepare_optimizer(Adam(groups, lr=lr, betas=betas))  # type: ignore[no-any-return]


class PlainStackGAN(MemoryStackGAN):
    """Generates pictures for each of the two networks."""

    def _generator_loss(self, part: MemoryBatch) -> Loss:
        part.fake = None
        return super()._generator_loss(part)


@contextmanager
def plain_layout() -> Iterator[None]:
    """Leave every tensor in PyTorch's default layout."""
    contiguous = Tensor.contiguous
    with patch.object(Tensor, "contiguous", lambda tensor, **layout: contiguous(tensor)):
        yield


class Contender:
    """A system in one of its adversarial phases, and its endless batches."""

    def __init__(self, data: Dataset, stage: int, plain: bool) -> None:
        torch.manual_seed(0)
        config = StackGANConfig(stage=str(stage))
        config.resolve(EPOCHS)
        self.plain, self.batch, self.data = plain, config.batch, data
        with self.layout(), patch.object(projected_discriminator, "_unstrided", self.unstrided()):
            system = PlainStackGAN if plain else MemoryStackGAN
            self.system = system(config, PlainAccelerator("bf16") if plain else Accelerator("bf16"), data)
            self.system.networks.train()
            self.system.start_epoch(config.stage1_pretrain if stage == 1 else config.stage1_epochs)
        self.batches = self._batches()

    def layout(self) -> Any:
        """Enter the layout that this side computes in."""
        return plain_layout() if self.plain else nullcontext()

    def unstrided(self) -> Callable[[nn.Module], nn.Module]:
        """Return the function that replaces strided depthwise convolutions."""
        return (lambda convolution: convolution) if self.plain else projected_discriminator._unstrided

    def _batches(self) -> Iterator[Tensor]:
        order = torch.Generator().manual_seed(0)
        while True:
            yield from self.data.batches(self.batch, order)

    def turn(self) -> float:
        """Train STEPS steps; images a second."""
        with self.layout():
            began = time.perf_counter()
            for step in range(STEPS):
                self.system.train_step(self.data, next(self.batches), step)
            return STEPS * self.batch / (time.perf_counter() - began)


class Clock:
    """Adds up the time of parts, each without the parts inside it."""

    def __init__(self) -> None:
        self.seconds, self._inside = Counter[str](), [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Count the time of `function` under `part`."""

        def call(*arguments: Any, **named: Any) -> Any:
            self._inside.append(0.0)
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took = time.perf_counter() - began
                self.seconds[part] += took - self._inside.pop()
                self._inside[-1] += took

        return call


def profile(contender: Contender, rounds: int) -> dict[str, float]:
    """Measure the share of a step that each part takes."""
    clock, system = Clock(), contender.system
    accelerator: Any = system.accelerator
    memory, stage = system.generator.memory, system.stage
    discriminator = system.trained[f"discriminator{stage}"]
    stages = [system.generator.decoder.stage1, *([system.trained["stage2"]] if stage == 2 else [])]
    wrapped = [
        (contender.data, "fetch", "pictures: conversion"),
        (memory_gan, "augment", "augmentation"),
        (memory, "choose", "memory: choice and codes"),
        (memory, "noisy", "memory: choice and codes"),
        (memory.table, "blend", "memory: choice and codes"),
        (system.frozen[stage], "forward", "frozen features, forward"),
        *((each, "forward", "generator, forward") for each in stages),
        (system.anchor_stage1, "forward", "anchor, forward"),
        (discriminator, "forward", "discriminator, forward"),
        (accelerator._accelerate, "backward", "backward passes"),
        (accelerator, "_update", "optimizers"),
        (memory_gan, "match_loss", "heads, forward"),
        (system.average, "update_parameters", "averaged generator"),
    ]
    for owner, name, part in wrapped:
        setattr(owner, name, clock.timed(part, getattr(owner, name)))
    step = clock.timed("losses and the rest", system.train_step)
    for number in range(rounds * STEPS):
        step(contender.data, next(contender.batches), number)
    total = sum(clock.seconds.values())
    return {part: round(seconds / total, 4) for part, seconds in clock.seconds.most_common()}


def measure(data: Dataset, stage: int, rounds: int) -> dict[str, Any]:
    """Let both sides train one stage in turns."""
    sides = {"pgtrain": Contender(data, stage, plain=False), "plain loop": Contender(data, stage, plain=True)}
    rates = in_turn({name: side.turn for name, side in sides.items()}, rounds, WARM_UP)
    return {
        "batch": sides["pgtrain"].batch,
        "images_per_second": {name: round(median(each), 1) for name, each in rates.items()},
        "ratio": spread(ratios(rates["pgtrain"], rates["plain loop"]), 3),
        "shares": profile(sides["pgtrain"], max(1, rounds // 2)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    before = environment()
    data = cast(Dataset, decoded(sources.read(options.data), StackGANConfig().size, options.encoder))
    stages = {str(stage): measure(data, stage, options.rounds) for stage in (1, 2)}
    about = {"command": "python benchmarks/stackgan_step.py --data FOLDER", "threads": torch.get_num_threads()}
    machine = before | {"load_average_after": load_average()}
    write_json(options.out, about | {"stages": stages, "environment": machine})


if __name__ == "__main__":
    main()
