"""The smallest GAN that draws pictures from latents: all that a new system needs beside its row in the registry."""

from dataclasses import dataclass

from torch import Tensor, nn

from pgtrain.config import option
from pgtrain.data.dataset import Pictures
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.checkpoint import Position
from pgtrain.systems.base import Architecture, Weights
from pgtrain.systems.unconditional import Unconditional

SIDE = 8


@dataclass
class ToyConfig:
    latent_dim: int = option(4, "size of a latent", minimum=1)
    size: int = SIDE
    channels: int = 4
    batch: int = 6
    pretrain: int = 0
    discriminator_steps: int = 1
    augment: bool = False
    ema: float = 0.9

    def resolve(self, epochs: int) -> None:
        """Nothing depends on the number of epochs."""


class Generator(nn.Module):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.latent_dim, 4 * SIDE * SIDE)

    def forward(self, latent: Tensor) -> Tensor:
        logits: Tensor = self.dense(latent)
        return logits.view(-1, 4, SIDE, SIDE)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4 * SIDE * SIDE, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        scores: Tensor = self.dense(pictures.flatten(1))
        return scores[:, 0]


class ToyGAN(Unconditional):
    name = "toy"

    def __init__(self, config: ToyConfig, accelerator: Accelerator, data: Pictures) -> None:
        super().__init__(config, accelerator, data, Generator(config), Discriminator(), config.discriminator_steps)
        for network in ("generator", "discriminator"):
            self.optimizers[network] = accelerator.adam(self.networks[network], 1e-3, (0.0, 0.9))

    def opponent_loss(self, real: Tensor, fake: Tensor, step: int) -> Loss:
        discriminator = self.trained["discriminator"]
        loss = self.score(discriminator, fake).mean() - self.score(discriminator, real).mean()
        return loss, {"discriminator": loss}

    def generator_loss(self, scores: Tensor) -> Tensor:
        return -scores.mean()


def rebuild(config: ToyConfig, weights: Weights, position: Position | None = None) -> Architecture:
    return Architecture(Generator(config), config.latent_dim)
