"""Losses, phases and steps."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pgtrain.data.dataset import Dataset
from pgtrain.data.images import grid
from pgtrain.engine import distributed, rng
from pgtrain.engine.accelerator import Engine, Loss
from pgtrain.engine.ema import averaged
from pgtrain.engine.system import Metrics
from pgtrain.models.augment import augment
from pgtrain.models.compositing import as_rgba, grounded, visible
from pgtrain.models.layers import r1_penalty
from pgtrain.models.reconstruction import annealed, reconstruction_loss, set_rate
from pgtrain.models.text_encoder import whitening
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.networks import Generator, discriminator
from pgtrain.systems.stackgan.warm_start import take_over


@dataclass
class Part:
    """What one forward and backward pass sees; `drawn` are the generator's logits and KL term, once it ran.

    `named`, bool (N,), tells which texts name the Pokémon.
    """

    real: Tensor
    text: Tensor
    named: Tensor
    latent: Tensor
    drawn: tuple[Tensor, Tensor] | None = None


class StackGAN:
    """The system: networks, optimisers and the recipe's steps."""

    name = "stackgan"

    def __init__(self, config: StackGANConfig, engine: Engine, data: Dataset) -> None:
        self.config, self.engine = config, engine
        self.penalised = config.r1 > 0 and config.discriminator != "projected"  # as its authors do without one
        self.stages = (1, 2) if config.stage == "both" else (int(config.stage),)
        mean, matrix = self._whitening(data.embeddings)
        whitened_dim = matrix.shape[1]
        generator = Generator(config, len(mean), whitened_dim)
        generator.whitening.fit(mean, matrix)
        discriminators = {f"discriminator{stage}": discriminator(config, stage, whitened_dim) for stage in self.stages}
        self.networks = nn.ModuleDict({"generator": generator, **discriminators})
        engine.place(self.networks)
        self.networks["average"] = averaged(generator, config.ema)
        self.trained = {f"stage{stage}": engine.prepare(getattr(generator, f"stage{stage}")) for stage in self.stages}
        self.trained |= {name: engine.prepare(self.networks[name]) for name in discriminators}
        self.optimizers = self._optimizers()
        self._fix_latents(data)
        self.stage, self.pretraining = self.stages[0], True

    def _optimizers(self) -> dict[str, Any]:
        config, optimizers = self.config, {}
        second = (
            config.stage2_generator_lr or config.generator_lr,
            config.stage2_discriminator_lr or config.discriminator_lr,
        )
        rates = {1: (config.generator_lr, config.discriminator_lr), 2: second}
        for stage in self.stages:
            network = getattr(self.networks["generator"], f"stage{stage}")
            critic = self.networks[f"discriminator{stage}"]
            betas = (config.beta1, config.beta2)
            optimizers[f"pretrain{stage}"] = self.engine.adam(network, config.pretrain_lr, (0.9, 0.99))
            optimizers[f"generator{stage}"] = self.engine.adam(network, rates[stage][0], betas)
            optimizers[f"discriminator{stage}"] = self.engine.adam(critic, rates[stage][1], betas)
        return optimizers

    def _whitening(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Fit the whitening of texts (C, D): mean (D,) and matrix (D, K)."""
        text_dim, wanted = embeddings.shape[1], self.config.whitened_dim
        if wanted and not self.config.start:
            return whitening(embeddings, wanted)
        # The embeddings as they are, or a place for the whitening that comes with stage I of another run.
        return embeddings.new_zeros(text_dim), torch.eye(text_dim, wanted or text_dim, device=embeddings.device)

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
        if config.start and not self._average.n_averaged:  # a new run; one that goes on has its own checkpoint
            take_over(config.start, self.generator, self._averaged())
        self.stage = 1 if epoch < config.stage1_epochs else 2
        within = epoch - (0 if self.stage == 1 else config.stage1_epochs)
        pretrain = config.stage1_pretrain if self.stage == 1 else config.stage2_pretrain
        self.pretraining = within < pretrain
        if self.pretraining:
            set_rate(self.optimizers[f"pretrain{self.stage}"], config.pretrain_lr * annealed(within / pretrain))
        if self.stage == 2 and within == 0:
            self.generator.stage1.load_state_dict(self._averaged().stage1.state_dict())
        return f"stage {'I' * self.stage}, {'reconstruction' if self.pretraining else 'adversarial'}"

    def train_step(self, data: Dataset, indices: Tensor, step: int) -> Metrics:
        """One step of reconstruction, or one of the discriminator and one of the generator."""
        parts = [self._part(data, part) for part in self.engine.parts(indices)]
        metrics: Metrics = {}
        if not self.pretraining:
            metrics = self._train_discriminator(parts, step)
        critic = self.networks[f"discriminator{self.stage}"].requires_grad_(False)
        phase = "pretrain" if self.pretraining else "generator"
        metrics |= self.engine.step(self.optimizers[f"{phase}{self.stage}"], self._generator_loss, parts)
        critic.requires_grad_(True)
        if self.engine.stepped:
            self._average.update_parameters(self.generator)
        return metrics

    def _part(self, data: Dataset, indices: Tensor) -> Part:
        batch = data.batch(indices)
        side = STAGE1_SIZE if self.stage == 1 else self.config.size
        real = F.interpolate(grounded(batch.pictures, self.config.channels), size=(side, side), mode="area")
        latent = rng.randn(len(real), self.config.latent_dim, device=real.device)
        real = real.contiguous(memory_format=torch.channels_last)
        return Part(real, self.generator.whitening(batch.text), batch.named, latent)

    def _draw(self, part: Part) -> tuple[Tensor, Tensor]:
        """Draw logits and KL term, with gradients."""
        latent, text = part.latent, part.text
        with self.engine.autocast():
            if self.stage == 1:
                drawn = self.trained["stage1"](latent, text)
            else:
                drawn = self.trained["stage2"](self.generator.frozen_stage1(latent, text), latent, text)
        return cast(tuple[Tensor, Tensor], drawn)

    def _generator_loss(self, part: Part) -> Loss:
        """Reconstruction and KL term, and against the discriminator its scores."""
        logits, divergence = part.drawn or self._draw(part)
        fake = visible(logits)
        reconstruction = self._reconstruction(fake, part)
        metrics = {"reconstruction": reconstruction, "kl": divergence.float()}
        if self.pretraining:
            return reconstruction + self.config.kl * metrics["kl"], metrics
        with self.engine.autocast():
            score: Tensor = self.networks[f"discriminator{self.stage}"](self._seen(fake), part.text)
        metrics["generator"] = -score.mean() if self.config.loss == "hinge" else F.softplus(-score).mean()
        loss = metrics["generator"] + self.config.reconstruction * reconstruction + self.config.kl * metrics["kl"]
        return loss, metrics

    def _reconstruction(self, fake: Tensor, part: Part) -> Tensor:
        """Compare with what was to be drawn; beside the adversarial loss, of the captions that it holds for."""
        if self.pretraining or self.config.reconstruct == "all":
            return reconstruction_loss(fake, part.real)
        named = part.named[:, None, None, None]
        return reconstruction_loss(fake * named, part.real * named)

    def _seen(self, pictures: Tensor) -> Tensor:
        """Change `pictures` (N, C, S, S) at random, as the discriminator sees them."""
        if self.config.augment:
            pictures = augment(pictures)
        if self.stage == 1 and self.config.instance_noise:
            noise = rng.randn(*pictures.shape, device=pictures.device)
            pictures = pictures + self.config.instance_noise * noise
        return pictures

    def _toward(self, scores: Tensor, sign: int) -> Tensor:
        """Reduce the scores (N,) of what should score high (`sign` 1) or low (-1) to a loss ()."""
        signed = sign * scores
        return F.relu(1 - signed).mean() if self.config.loss == "hinge" else F.softplus(-signed).mean()

    def _train_discriminator(self, parts: list[Part], step: int) -> Metrics:
        def loss(part: Part) -> Loss:
            # One part's graph serves both networks; of several, only one at a time is held in memory.
            alone = len(parts) == 1
            with nullcontext() if alone else torch.no_grad():
                drawn = self._draw(part)
            part.drawn = drawn if alone else None
            return self._discriminator_loss(part, visible(drawn[0]).detach(), step)

        return self.engine.step(self.optimizers[f"discriminator{self.stage}"], loss, parts)

    def _discriminator_loss(self, part: Part, fake: Tensor, step: int) -> Loss:
        critic = self.trained[f"discriminator{self.stage}"]
        real, text = self._seen(part.real), part.text
        with self.engine.autocast():
            matched, mismatched = critic(real, text, distributed.rolled(text)).chunk(2)
            generated = critic(self._seen(fake), text)
        share = self.config.mismatch
        wrong = share * self._toward(mismatched, -1) + (1 - share) * self._toward(generated, -1)
        loss = self._toward(matched, 1) + wrong
        metrics = {"discriminator": loss}
        if self.penalised and step % self.config.r1_interval == 0:
            metrics["r1"] = r1_penalty(self.networks[f"discriminator{self.stage}"], real, text)
            loss = loss + 0.5 * self.config.r1 * self.config.r1_interval * metrics["r1"]
        return loss, metrics

    @property
    def _average(self) -> AveragedModel:
        return cast(AveragedModel, self.networks["average"])

    def _averaged(self) -> Generator:
        return cast(Generator, self._average.module)

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
        return as_rgba(visible(logits))

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid."""
        return grid(self.generate(*self.fixed))
