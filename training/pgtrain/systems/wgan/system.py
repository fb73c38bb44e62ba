"""Networks, losses and steps of WGAN."""

from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from pgtrain.data.dataset import Pictures
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.system import Metrics
from pgtrain.models.layers import gradient_penalty, keep_variance
from pgtrain.systems import unconditional
from pgtrain.systems.unconditional import Unconditional, doubling, halving_widths
from pgtrain.systems.wgan.config import WGANConfig


class Generator(nn.Module):
    """Latents (N, L) to logits (N, C, S, S): a dense layer to 8x8 (12x12 for 96), then doublings."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        channels = halving_widths(config.size, config.width)
        self.channels, self.side = channels[0], config.size >> (len(channels) - 1)
        self.dense = nn.Linear(config.latent_dim, channels[0] * self.side**2)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for pair in pairwise(channels):
            layers += [*doubling(config.blocks, *pair, kernel=5), nn.BatchNorm2d(pair[1]), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], config.channels, 5, padding=2))

    def forward(self, latent: Tensor) -> Tensor:
        """Draw the logits of straight RGBA or RGB."""
        hidden = self.dense(latent)
        logits: Tensor = self.layers(hidden.view(-1, self.channels, self.side, self.side))
        return logits

    @torch.no_grad()
    def freeze(self) -> None:
        """Fold the first batch norm into the dense layer, whose numbers it sees as channels of a picture."""
        norm = self.layers[0]
        if isinstance(norm, nn.BatchNorm2d):
            scale = norm.weight * (cast(Tensor, norm.running_var) + norm.eps).rsqrt()
            shift = norm.bias - cast(Tensor, norm.running_mean) * scale
            scale, shift = (values.repeat_interleave(self.side**2) for values in (scale, shift))
            self.dense.weight.mul_(scale[:, None])
            self.dense.bias.mul_(scale).add_(shift)
            self.layers[0] = nn.Identity()


class Critic(nn.Module):
    """Pictures (N, C, S, S) in 0..1 to one number each (N,).

    No batch norm: the gradient penalty holds each picture by itself, which a norm over the batch breaks.
    """

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        channels = [config.channels, *reversed(halving_widths(config.size, config.width))]
        layers: list[nn.Module] = []
        for pair in pairwise(channels):
            layers += [nn.Conv2d(*pair, 5, 2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.score = nn.Linear(channels[-1] * (config.size >> (len(channels) - 1)) ** 2, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Score; higher is more real."""
        score: Tensor = self.score(self.layers(pictures * 2 - 1))
        return score.squeeze(1)


class WGAN(Unconditional):
    """The Wasserstein distance, with a gradient penalty or clipping."""

    name = "wgan"
    opponent = "critic"
    config: WGANConfig

    def __init__(self, config: WGANConfig, accelerator: Accelerator, data: Pictures) -> None:
        critic = Critic(config)
        if config.blocks == "upsample":
            critic.apply(keep_variance)
        super().__init__(config, accelerator, data, Generator(config), critic, config.critic_steps)
        for network, rate in (("generator", config.lr), ("critic", config.critic_lr)):
            if config.lipschitz == "gp":
                betas = (config.beta1, config.beta2)
                self.optimizers[network] = accelerator.adam(self.networks[network], rate, betas)
            else:
                self.optimizers[network] = accelerator.rmsprop(self.networks[network], rate)

    def train_opponent(self, data: Pictures, parts: list[Tensor], step: int) -> Metrics:
        """One step up the Wasserstein distance, then the clipping."""
        metrics = super().train_opponent(data, parts, step)
        if self.config.lipschitz == "clip":
            with torch.no_grad():
                for weight in self.networks["critic"].parameters():
                    weight.clamp_(-self.config.clip, self.config.clip)
        return metrics

    def opponent_loss(self, real: Tensor, fake: Tensor, step: int) -> Loss:
        """The Wasserstein distance, negated, and the penalty."""
        config, critic = self.config, self.trained["critic"]
        distance = self.score(critic, real).mean() - self.score(critic, fake).mean()
        loss, metrics = -distance, {"wasserstein": distance}
        if config.lipschitz == "gp" and step % config.penalty_interval == 0:
            metrics["penalty"] = gradient_penalty(self.networks["critic"], real, fake)
            loss = loss + config.penalty * config.penalty_interval * metrics["penalty"]
        return loss, metrics

    def generator_loss(self, scores: Tensor) -> Tensor:
        """The critic's score, negated."""
        return -scores.mean()


footprint = partial(unconditional.footprint, Generator, Critic)
rebuild = partial(unconditional.rebuild, Generator)
