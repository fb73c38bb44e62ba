"""Networks, losses and steps of DCGAN."""

from functools import partial
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.data.dataset import Pictures
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.models.layers import keep_variance, r1_penalty
from pgtrain.systems import unconditional
from pgtrain.systems.dcgan.config import DCGANConfig
from pgtrain.systems.unconditional import Unconditional, doubling, halving_widths


class Generator(nn.Module):
    """Latents (N, L) to logits (N, C, S, S)."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        channels = halving_widths(config.size, config.width)
        doubled = partial(doubling, config.blocks, kernel=4)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent_dim, channels[0], config.size >> len(channels), bias=False),
            _norm(channels[0]),
        ]
        for pair in pairwise(channels):
            layers += [*doubled(*pair), _norm(pair[1])]  # the norm takes away what a bias would add
        self.layers = nn.Sequential(*layers, *doubled(channels[-1], config.channels, bias=True))

    def forward(self, latent: Tensor) -> Tensor:
        """Draw the logits of straight RGBA or RGB."""
        logits: Tensor = self.layers(latent[:, :, None, None])
        return logits


def _norm(channels: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())


class Discriminator(nn.Module):
    """Pictures (N, C, S, S) in 0..1 to one score each (N,): strided convolutions and LeakyReLU.

    Batch norm in the original recipe alone: R1 holds each picture by itself, which a norm over the batch breaks.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        channels = list(reversed(halving_widths(config.size, config.width)))
        normed = config.blocks == "transposed"
        layers: list[nn.Module] = [nn.Conv2d(config.channels, channels[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for pair in pairwise(channels):
            layers += [nn.Conv2d(*pair, 4, 2, 1, bias=not normed)]
            layers += [nn.BatchNorm2d(pair[1])] if normed else []
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, config.size >> len(channels)))

    def forward(self, pictures: Tensor) -> Tensor:
        """Score; higher is more real (with `bce` the logit of it)."""
        score: Tensor = self.layers(pictures * 2 - 1)
        return score.flatten()


class DCGAN(Unconditional):
    """Hinge loss or binary cross-entropy, with R1."""

    name = "dcgan"
    config: DCGANConfig

    def __init__(self, config: DCGANConfig, accelerator: Accelerator, data: Pictures) -> None:
        generator, discriminator = Generator(config), Discriminator(config)
        if config.blocks == "transposed":
            generator.apply(initialize)
            discriminator.apply(initialize)
        else:
            discriminator.apply(keep_variance)
        super().__init__(config, accelerator, data, generator, discriminator, config.discriminator_steps)
        betas = (config.beta1, config.beta2)
        for network in ("generator", "discriminator"):
            self.optimizers[network] = accelerator.adam(self.networks[network], config.lr, betas)

    def opponent_loss(self, real: Tensor, fake: Tensor, step: int) -> Loss:
        """Hinge loss or cross-entropy, with the R1 penalty every `r1_interval` steps."""
        discriminator = self.trained["discriminator"]
        on_real, on_fake = self.score(discriminator, real), self.score(discriminator, fake)
        loss = self._toward(on_real, 1) + self._toward(on_fake, -1)
        metrics = {"discriminator": loss}
        if self.config.r1 and step % self.config.r1_interval == 0:
            metrics["r1"] = r1_penalty(self.networks["discriminator"], real)
            loss = loss + 0.5 * self.config.r1 * self.config.r1_interval * metrics["r1"]
        return loss, metrics

    def generator_loss(self, scores: Tensor) -> Tensor:
        """Non-saturating cross-entropy, or the plain negative score of hinge loss."""
        return -scores.mean() if self.config.loss == "hinge" else F.softplus(-scores).mean()

    def _toward(self, scores: Tensor, sign: int) -> Tensor:
        signed = sign * scores
        return F.relu(1 - signed).mean() if self.config.loss == "hinge" else F.softplus(-signed).mean()


footprint = partial(unconditional.footprint, Generator, Discriminator)
rebuild = partial(unconditional.rebuild, Generator)


def initialize(module: nn.Module) -> None:
    """DCGAN's weights: normal with deviation 0.02, batch norm around 1."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
