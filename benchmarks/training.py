"""Training steps a second: `pgtrain dcgan` beside a plain PyTorch loop of the same networks, batch and loss.

    python benchmarks/training.py                                      # rewrites benchmarks/results/training.json

The plain loop is the one that PyTorch's DCGAN tutorial writes: float32, contiguous tensors, torch.optim.Adam, a
DataLoader over a TensorDataset in memory, one backward pass for real and one for generated pictures. It does less:
no averaged generator, and in the default recipe no augmentation and no R1. The project's side is the real thing, from
`DCGAN.train_step` down, fed by the shuffled batches that the loop feeds it; its pictures are resized from the same
tensor at every step. All contenders take turns, one pass over the pictures each, so that the machine's drift hits all
alike. Figures are medians over rounds; a ratio's range is over the ratios of single rounds.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rounds import in_turn, ratios, spread
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgtrain.data.dataset import Pictures
from pgtrain.engine.accelerator import Accelerator, Precision, best_precision
from pgtrain.systems.dcgan.config import RECIPES, DCGANConfig
from pgtrain.systems.dcgan.system import DCGAN, Discriminator, Generator, initialize

RESULTS = Path(__file__).parent / "results" / "training.json"
PICTURES = 1024
"""Pictures a turn: one pass over them. In the default recipe it takes 16 steps, so every turn has one R1 penalty."""

WARM_UP = 1
Turn = Callable[[], None]


def pictures() -> Tensor:
    """Make premultiplied RGBA noise, uint8 (PICTURES, 4, 64, 64): their content does not affect the speed."""
    noise = torch.randint(0, 256, (PICTURES, 4, 64, 64), generator=torch.Generator().manual_seed(0))
    noise[:, :3] = noise[:, :3] * noise[:, 3:] // 255
    return noise.byte()


def project(config: DCGANConfig, precision: Precision, compiled: bool = False) -> Turn:
    """Prepare the project's own training."""
    torch.manual_seed(0)
    accelerator = Accelerator(precision, compiled=compiled)
    data = Pictures(pictures(), [], [], "").to(accelerator.device)
    system = DCGAN(config, accelerator, data)
    system.networks.train()
    order = torch.Generator().manual_seed(0)
    steps = enumerate(_endless(lambda: data.batches(config.batch, order)))

    def turn() -> None:
        for _ in range(PICTURES // config.batch):
            number, indices = next(steps)
            system.train_step(data, indices, number)

    return turn


def plain(config: DCGANConfig) -> Turn:
    """Prepare the tutorial's loop over the same networks."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator, discriminator = Generator(config).to(device), Discriminator(config).to(device)
    if config.blocks == "transposed":
        generator.apply(initialize)
        discriminator.apply(initialize)
    betas = (config.beta1, config.beta2)
    adams = [torch.optim.Adam(network.parameters(), config.lr, betas) for network in (generator, discriminator)]
    real = pictures().float() / 255
    real = real if config.channels == 4 else real[:, :3] + (1 - real[:, 3:])
    loader = DataLoader(TensorDataset(real), config.batch, shuffle=True, drop_last=True)
    batches = _endless(lambda: iter(loader))

    def turn() -> None:
        for _ in range(PICTURES // config.batch):
            (batch,) = next(batches)
            _plain_step(config, generator, discriminator, adams, batch.to(device))

    return turn


def _plain_step(
    config: DCGANConfig, generator: nn.Module, discriminator: nn.Module, adams: list[torch.optim.Adam], real: Tensor
) -> None:
    generator_adam, discriminator_adam = adams
    discriminator.zero_grad()
    _discriminator_loss(config, discriminator(real), 1).backward()
    fake = torch.sigmoid(generator(torch.randn(len(real), config.latent_dim, device=real.device)))
    _discriminator_loss(config, discriminator(fake.detach()), -1).backward()
    discriminator_adam.step()
    generator.zero_grad()
    score = discriminator(fake)
    loss = -score.mean() if config.loss == "hinge" else F.softplus(-score).mean()
    loss.backward()
    generator_adam.step()


def _discriminator_loss(config: DCGANConfig, scores: Tensor, sign: int) -> Tensor:
    signed = sign * scores
    return F.relu(1 - signed).mean() if config.loss == "hinge" else F.softplus(-signed).mean()


def _endless(epoch: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    while True:
        yield from epoch()


def images_per_second(turn: Turn) -> float:
    """Time one turn to the end of its last kernel."""
    began = time.perf_counter()
    turn()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return PICTURES / (time.perf_counter() - began)


def measure(recipe: str, rounds: int, compiled: bool) -> dict[str, Any]:
    """Let the contenders of one recipe take turns."""
    config = DCGANConfig(**RECIPES[recipe] | {"pretrain": 0})
    turns = {
        "plain PyTorch": plain(config),
        "pgtrain": project(config, "auto"),
        "pgtrain fp32": project(config, "fp32"),
    }
    if compiled:
        turns["pgtrain --compile"] = project(config, "auto", compiled=True)
    rates = in_turn({name: partial(images_per_second, turn) for name, turn in turns.items()}, rounds, WARM_UP)
    faster = {name: ratios(rate, rates["plain PyTorch"]) for name, rate in rates.items() if name != "plain PyTorch"}
    return {
        "batch": config.batch,
        "images_per_second": {name: spread(rate, 1) for name, rate in rates.items()},
        "speed_over_plain_pytorch": {name: spread(ratio, 3) for name, ratio in faster.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--recipe", action="append", choices=list(RECIPES), help="only this one")
    parser.add_argument("--no-compile", action="store_true", help="leave out --compile, which compiles for minutes")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    before = environment()
    result: dict[str, Any] = {
        "rounds": options.rounds,
        "pictures_a_turn": PICTURES,
        "threads": torch.get_num_threads(),
        "precision": best_precision(),
        "recipes": {
            recipe: measure(recipe, options.rounds, not options.no_compile) for recipe in options.recipe or RECIPES
        },
        "environment": before | {"load_average_after": load_average()},
    }
    write_json(options.out, result)
    print(json.dumps(result["recipes"], indent=1))


if __name__ == "__main__":
    main()
