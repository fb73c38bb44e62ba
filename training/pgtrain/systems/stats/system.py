"""Losses and steps of the stats GAN."""

from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pgtrain.engine import distributed, rng
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.system import Metrics
from pgtrain.models.layers import gradient_penalty
from pgtrain.systems.stats.config import StatsConfig
from pgtrain.systems.stats.networks import KINDS, RARE, Conditions, Critic, Drawn, Generator
from pgtrain.systems.stats.plot import distributions
from pgtrain.systems.stats.table import Table

SHOWN = 512
"""Rows in the picture of every epoch."""

RowBatch = tuple[Tensor, Conditions]
"""Feature rows of real Pokémon, and the conditions of as many generated ones."""

ALONE = 0.8
"""Share of the named rows of two types of which only one type is named, as most users do."""


class StatsGAN:
    """The networks, the optimizers and the steps; in float32 throughout, because a step takes milliseconds."""

    name = "stats"

    def __init__(self, config: StatsConfig, accelerator: Accelerator, data: Table) -> None:
        self.config, self.accelerator, self.real = config, accelerator, data
        self.generator, self.critic = Generator(config, data), Critic(config)
        self.networks = nn.ModuleDict({"generator": self.generator, "critic": self.critic})
        accelerator.place(self.networks)
        update = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.generator, multi_avg_fn=update, use_buffers=False)
        self.networks["average"] = self.average
        betas = (config.beta1, config.beta2)
        self.rates = {"generator": config.lr, "critic": config.critic_lr}
        self.optimizers: dict[str, Any] = {
            name: accelerator.adam(self.networks[name], rate, betas) for name, rate in self.rates.items()
        }
        # Every step of the critic has second derivatives, which a compiled one lacks.
        self.trained = {
            "generator": accelerator.prepare(self.generator),
            "critic": accelerator.prepare(self.critic, compilable=False),
        }
        fixed = torch.Generator().manual_seed(0)  # the same rows in every run, whatever its seed
        self.fixed = torch.randn(SHOWN, self.generator.latent_dim, generator=fixed).to(accelerator.device)

    def start_epoch(self, epoch: int) -> str:
        """Set the learning rates, which depend on `epoch` alone, so that a resumed run has the right ones."""
        factor = self.config.lr_decay ** (epoch // self.config.lr_epochs)
        for name, rate in self.rates.items():
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * factor
        return "adversarial"

    def train_step(self, data: Table, indices: Tensor, step: int) -> Metrics:
        """Update the critic, and the generator every ``config.critic_steps`` steps, on whole packs."""
        # For the batch of all processes, which draw the same numbers: a row may go to another process's share.
        indices, named = self._choose_named(indices)
        shares = zip(self.accelerator.parts(indices), self.accelerator.parts(named), strict=True)
        parts = [self._part(data, *share) for share in shares]
        metrics = self.accelerator.step(self.optimizers["critic"], self._critic_part, parts)
        if step % self.config.critic_steps == self.config.critic_steps - 1:
            metrics |= self._train_generator(parts)
        return metrics

    def _part(self, data: Table, indices: Tensor, named: Tensor) -> RowBatch:
        count, pac = len(indices), self.config.pac
        packed = torch.arange(max(pac, count // pac * pac), device=indices.device) % count
        indices, named = indices[packed], named[packed]
        conditions = self._conditions(indices, named)
        pair = F.one_hot(data.pairs[indices], len(self.generator.first)).float()
        return self._features(data.stats[indices].float(), pair, conditions), conditions

    def _choose_named(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Choose rows whose types become conditions, and sample those rows anew: indices, and 1 where named (N, 1).

        Either type of a row of two can be its condition, so that those rows are sampled more often: else most rows of a
        named type would have it alone, and the generator would compensate for that where no type is named.
        """
        count = self.generator.seen_types[indices].sum(1)
        weights = torch.where(count > 1, 2 / ALONE, 1.0)
        sampled = indices[torch.multinomial(weights, len(indices), replacement=True)]
        named = torch.rand(len(indices), 1, device=indices.device) > self.config.type_dropout
        return torch.where(named[:, 0], sampled, indices), named.float()

    def _conditions(self, indices: Tensor, named: Tensor) -> Conditions:
        """Make conditions of the real rows' totals and rarities, and where `named` of one or all of their types."""
        generator = self.generator
        types = generator.seen_types[indices]
        # Of two types mostly one is named, as users do, chosen at random.
        single = (types * rng.rand(*types.shape, device=types.device)).argmax(1)
        alone = rng.rand(len(indices), 1, device=types.device) < ALONE
        types = torch.where(alone, F.one_hot(single, KINDS).float(), types) * named
        return Conditions(types, generator.seen_total[indices], generator.seen_rarity[indices])

    def _features(self, stats: Tensor, pair: Tensor, conditions: Conditions) -> Tensor:
        """Compute the critic's inputs (N, F); integers are spread over their intervals of the Gaussian."""
        generator = self.generator
        integers = stats.detach().round()
        spread = generator.quantiles.spread(integers, rng.rand(*integers.shape, device=integers.device))
        spread = spread + (stats - stats.detach()) / generator.scale[2]
        kinds = pair @ generator.first, pair @ generator.second
        columns = [spread, generator.standard(conditions.total), *kinds, conditions.rarity, conditions.types]
        if self.config.networks == "direct":
            # Once more for each rarity, so that the few rare rows have inputs of their own.
            columns.append((conditions.rarity[:, :, None] * spread[:, None, :]).flatten(1))
        return torch.cat(columns, 1)

    def _draw(self, conditions: Conditions) -> tuple[Tensor, Drawn]:
        latent = rng.randn(len(conditions.total), self.generator.latent_dim, device=self.accelerator.device)
        drawn: Drawn = self.trained["generator"](latent, *conditions)
        return self._features(drawn.stats, drawn.pair, conditions), drawn

    def _critic_part(self, part: RowBatch) -> Loss:
        config, critic = self.config, self.trained["critic"]
        real, conditions = part
        with torch.no_grad():
            fake, _ = self._draw(conditions)
        real, fake = (rows.detach().requires_grad_(config.penalty == "zero") for rows in (real, fake))
        on_real, on_fake = critic(real), critic(fake)
        loss = self._critic_loss(on_real, on_fake)
        if config.penalty == "zero":
            penalty = (_slope(on_real, real) + _slope(on_fake, fake)) / 2
        else:
            penalty = gradient_penalty(self.critic, real, fake)
        return loss + config.gamma * penalty, {"critic": loss, "penalty": penalty}

    def _train_generator(self, parts: list[RowBatch]) -> Metrics:
        self.critic.requires_grad_(False)
        metrics = self.accelerator.step(self.optimizers["generator"], self._generator_part, parts)
        self.critic.requires_grad_(True)
        if self.accelerator.stepped:
            self.average.update_parameters(self.generator)
        return metrics

    def _generator_part(self, part: RowBatch) -> Loss:
        config, critic = self.config, self.critic
        real, conditions = part
        fake, drawn = self._draw(conditions)
        loss = self._generator_loss(critic(real), critic(fake))
        consistency = (drawn.miss / 30).square().mean()
        total = loss + config.consistency * consistency
        if config.matching:
            total = total + config.matching * F.mse_loss(_mean(critic.features(fake)), _mean(critic.features(real)))
        if config.moments:
            total = total + config.moments * (_moments(fake) - _moments(real)).square().sum()
        return total, {"generator": loss, "consistency": consistency}

    def _critic_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        if self.config.loss == "relativistic":
            return F.softplus(on_fake - on_real).mean()
        if self.config.loss == "hinge":
            return F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean()
        soft = self.config.soft_labels
        wrong = F.binary_cross_entropy_with_logits(on_fake, torch.full_like(on_fake, soft))
        return F.binary_cross_entropy_with_logits(on_real, torch.full_like(on_real, 1 - soft)) + wrong

    def _generator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        if self.config.loss == "relativistic":
            return F.softplus(on_real - on_fake).mean()
        return -on_fake.mean() if self.config.loss == "hinge" else F.softplus(-on_fake).mean()

    @torch.no_grad()
    def progress(self) -> Image.Image:
        """Draw the distributions of the fixed latents' rows over those of the real ones."""
        unconditional = torch.zeros(SHOWN, KINDS), torch.zeros(SHOWN), torch.zeros(SHOWN, RARE)
        inputs = (value.to(self.accelerator.device) for value in unconditional)
        drawn: Drawn = self.average.eval()(self.fixed, *inputs)
        pairs = drawn.pair.argmax(1)
        return distributions(self.real.stats.cpu(), self.real.pairs.cpu(), drawn.stats.cpu(), pairs.cpu())


def _mean(rows: Tensor) -> Tensor:
    """Mean over rows (N, F) of all processes: (F,)."""
    return distributed.mean(rows.mean(0))


def _moments(rows: Tensor) -> Tensor:
    """Means and mean squares of feature rows (N, F), as in table-GAN (Park et al., 2018, arXiv:1806.03384): (2F,)."""
    return torch.cat([_mean(rows), _mean(rows.square())])


def _slope(scores: Tensor, rows: Tensor) -> Tensor:
    """Mean squared gradient norm of packed scores at `rows` (Mescheder et al., 2018, arXiv:1801.04406): ()."""
    (gradient,) = torch.autograd.grad(scores.sum(), rows, create_graph=True)
    return gradient.square().sum() / len(scores)
