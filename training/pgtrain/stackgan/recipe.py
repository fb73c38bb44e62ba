"""Losses, phases and steps."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pgtrain.augment import augment
from pgtrain.dataset import Dataset
from pgtrain.engine import Engine
from pgtrain.layers import premultiply, r1_penalty
from pgtrain.pictures import grid
from pgtrain.stackgan.config import StackGANConfig
from pgtrain.stackgan.networks import STAGE1_SIZE, Discriminator, Generator
from pgtrain.system import Metrics
from pgtrain.text import whitening


def reconstruction_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """L1 + L2 between premultiplied pictures at full, half, quarter and eighth resolution."""
    total = drawn.new_zeros(())
    for level in range(4):
        if level:
            drawn, real = F.avg_pool2d(drawn, 2), F.avg_pool2d(real, 2)
        total = total + F.l1_loss(drawn, real) + F.mse_loss(drawn, real)
    return total


class StackGAN:
    """The system: networks, optimisers and the recipe's steps."""

    name = "stackgan"

    def __init__(self, config: StackGANConfig, engine: Engine, data: Dataset) -> None:
        self.config, self.engine = config, engine
        mean, matrix = whitening(data.embeddings, config.whitened_dim)
        self.whitened_dim = matrix.shape[1]
        generator = Generator(config, len(mean), self.whitened_dim)
        generator.whitening.fit(mean, matrix)
        discriminators = {
            f"discriminator{stage}": Discriminator(size, config.critic_width, self.whitened_dim)
            for stage, size in ((1, STAGE1_SIZE), (2, config.size))
        }
        self.networks = nn.ModuleDict({"generator": generator, **discriminators})
        engine.place(self.networks)
        average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self.networks["average"] = AveragedModel(generator, multi_avg_fn=average, use_buffers=True)
        self.optimizers = self._optimizers()
        self._fix_latents(data)
        self.stage, self.pretraining = 1, True

    def _optimizers(self) -> dict[str, Any]:
        config, optimizers = self.config, {}
        for stage in (1, 2):
            network = getattr(self.networks["generator"], f"stage{stage}")
            critic = self.networks[f"discriminator{stage}"]
            betas = (config.beta1, config.beta2)
            optimizers[f"pretrain{stage}"] = self.engine.adam(network, config.pretrain_lr, (0.9, 0.99))
            optimizers[f"generator{stage}"] = self.engine.adam(network, config.generator_lr, betas)
            optimizers[f"discriminator{stage}"] = self.engine.adam(critic, config.discriminator_lr, betas)
        return optimizers

    def _fix_latents(self, data: Dataset, count: int = 64) -> None:
        generator = torch.Generator().manual_seed(0)  # the same grid in every run, whatever its seed
        latent = torch.randn(count, self.config.latent_dim, generator=generator)
        shown = torch.linspace(0, len(data) - 1, count).long()
        self.fixed = latent.to(self.engine.device), data.embeddings[data.name_ids[shown]]

    @property
    def generator(self) -> Generator:
        """The generator that is trained."""
        return cast(Generator, self.networks["generator"])

    def start_epoch(self, epoch: int) -> str:
        """Choose stage and phase for `epoch`."""
        config = self.config
        self.stage = 1 if epoch < config.stage1_epochs else 2
        within = epoch - (0 if self.stage == 1 else config.stage1_epochs)
        self.pretraining = within < (config.stage1_pretrain if self.stage == 1 else config.stage2_pretrain)
        if self.stage == 2 and within == 0:
            self.generator.stage1.load_state_dict(self._averaged().stage1.state_dict())
        return f"stage {'I' * self.stage}, {'reconstruction' if self.pretraining else 'adversarial'}"

    def train_step(self, data: Dataset, indices: Tensor, step: int) -> Metrics:
        """One step of reconstruction, or one of the discriminator and one of the generator."""
        batch = data.batch(indices)
        side = STAGE1_SIZE if self.stage == 1 else self.config.size
        real = F.interpolate(batch.pictures, size=(side, side), mode="area")
        real = real.contiguous(memory_format=torch.channels_last)
        latent = torch.randn(len(real), self.config.latent_dim, device=real.device)
        with self.engine.autocast():
            logits, divergence = self._draw(latent, batch.text)
        fake = premultiply(logits)
        reconstruction = reconstruction_loss(fake, real)
        loss = reconstruction + self.config.kl * divergence.float()
        metrics = {"reconstruction": reconstruction, "kl": divergence}
        if not self.pretraining:
            text = self.generator.whitening(batch.text)
            metrics |= self._train_discriminator(real, fake.detach(), text, step)
            adversarial = self._adversarial(fake, text)
            metrics["generator"] = adversarial
            loss = adversarial + self.config.reconstruction * reconstruction + self.config.kl * divergence
        phase = "pretrain" if self.pretraining else "generator"
        self.engine.step(self.optimizers[f"{phase}{self.stage}"], loss)
        cast(AveragedModel, self.networks["average"]).update_parameters(self.generator)
        return {name: value.detach() for name, value in metrics.items()}

    def _draw(self, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        if self.stage == 2:
            return self.generator.refine(latent, text)
        drawn: tuple[Tensor, Tensor] = self.generator(latent, text, stage=1)
        return drawn

    def _adversarial(self, fake: Tensor, text: Tensor) -> Tensor:
        critic = self.networks[f"discriminator{self.stage}"].requires_grad_(False)
        with self.engine.autocast():
            score: Tensor = critic(augment(fake), text)
        critic.requires_grad_(True)
        return -score.mean()

    def _train_discriminator(self, real: Tensor, fake: Tensor, text: Tensor, step: int) -> Metrics:
        critic = cast(Discriminator, self.networks[f"discriminator{self.stage}"])
        optimizer = self.optimizers[f"discriminator{self.stage}"]
        real = augment(real)
        with self.engine.autocast():
            features = critic.features(real)
            matched, mismatched = critic.judge(features, text), critic.judge(features, text.roll(1, 0))
            generated = critic(augment(fake), text)
        share = self.config.mismatch
        wrong = share * F.relu(1 + mismatched).mean() + (1 - share) * F.relu(1 + generated).mean()
        loss = F.relu(1 - matched).mean() + wrong
        metrics = {"discriminator": loss}
        if step % self.config.r1_interval == 0:
            metrics["r1"] = r1_penalty(critic, real, text)
            loss = loss + 0.5 * self.config.r1 * self.config.r1_interval * metrics["r1"]
        self.engine.step(optimizer, loss)
        return metrics

    def _averaged(self) -> Generator:
        return cast(Generator, cast(AveragedModel, self.networks["average"]).module)

    @property
    def latent_dim(self) -> int:
        """Numbers that a latent has."""
        return self.config.latent_dim

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor) -> Tensor:
        """Draw latents (N, L) under text embeddings (N, D) after the stage that is in training.

        With the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1.
        """
        average, device = self._averaged().eval(), self.engine.device
        with self.engine.autocast():
            logits, _ = average(latent.to(device), text.to(device), stage=self.stage)
        return premultiply(logits)

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid."""
        return grid(self.generate(*self.fixed))
