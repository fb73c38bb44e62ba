"""The original recipe: two stages, trained one after the other against a discriminator that reads the text.

Three faults of the original are mended: it learns from every picture, its discriminator sees mismatched texts, and all
random numbers come from the seed.
"""

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from pgtrain.data.dataset import Dataset
from pgtrain.data.images import grid
from pgtrain.engine import distributed, rng
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.ema import averaged
from pgtrain.engine.system import Metrics
from pgtrain.models.compositing import as_rgba, on_white, visible
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.original import DROPOUT, LATENT_DIM, JointDiscriminator, OriginalGenerator

STAGE2_GENERATOR, STAGE2_DISCRIMINATOR = 4.0, 0.4
"""Learning rates of stage II, as multiples of those of stage I."""

SHOWN = 64
"""Pictures in the grid of every epoch."""

INSTANCE_NOISE = 0.05
"""Deviation of the noise on what the discriminator of stage I sees; the original's is not known."""


@dataclass
class TextBatch:
    """The inputs of one forward and backward pass: pictures (N, 3, S, S), texts (N, D) and latents (N, L).

    `fake` are the generator's pictures, once they are drawn.
    """

    real: Tensor
    text: Tensor
    latent: Tensor
    fake: Tensor | None = None


class OriginalStackGAN:
    """The networks, the optimizers and the steps of the recipe."""

    name = "stackgan"
    latent_dim = LATENT_DIM

    def __init__(self, config: StackGANConfig, accelerator: Accelerator, data: Dataset) -> None:
        self.config, self.accelerator, self.stage = config, accelerator, 1
        text_dim = data.embeddings.shape[1]
        self.generator = OriginalGenerator(config, text_dim)
        self.networks = nn.ModuleDict({"generator": self.generator})
        sizes = {1: STAGE1_SIZE} if config.stage == "1" else {1: STAGE1_SIZE, 2: config.size}
        for stage, size in sizes.items():
            dropout = 0.0 if stage == 1 else DROPOUT
            self.networks[f"discriminator{stage}"] = JointDiscriminator(size, 2 * config.width, text_dim, dropout)
        accelerator.place(self.networks)
        self.average = averaged(self.generator, config.ema)
        self.averaged_generator = cast(OriginalGenerator, self.average.module)
        self.networks["average"] = self.average
        self.trained, self.optimizers = {}, {}
        betas = (config.beta1, config.beta2)
        for stage in sizes:
            faster, slower = (1.0, 1.0) if stage == 1 else (STAGE2_GENERATOR, STAGE2_DISCRIMINATOR)
            network, name = self.generator.get_submodule(f"stage{stage}"), f"discriminator{stage}"
            self.trained[f"stage{stage}"] = accelerator.prepare(network)
            self.trained[name] = accelerator.prepare(self.networks[name])
            self.optimizers[f"generator{stage}"] = accelerator.adam(network, faster * config.generator_lr, betas)
            self.optimizers[name] = accelerator.adam(self.networks[name], slower * config.discriminator_lr, betas)
        generator = torch.Generator().manual_seed(0)  # the same grid in every run, whatever its seed
        latent = torch.randn(SHOWN, LATENT_DIM, generator=generator)
        shown = torch.linspace(0, len(data) - 1, SHOWN).long()
        self.fixed = latent.to(accelerator.device), data.embeddings[data.name_ids[shown]]

    def start_epoch(self, epoch: int) -> str:
        """Choose the stage for `epoch`."""
        self.stage = 1 if self.config.stage == "1" or epoch < self.config.stage1_epochs else 2
        if self.stage == 2 and epoch == self.config.stage1_epochs:
            self.generator.stage1.load_state_dict(self.averaged_generator.stage1.state_dict())
        return f"stage {'I' * self.stage}, adversarial"

    def train_step(self, data: Dataset, indices: Tensor, step: int) -> Metrics:
        """One step of the discriminator and one of the generator."""
        parts = [self._part(data, part) for part in self.accelerator.parts(indices)]
        name = f"discriminator{self.stage}"
        loss = partial(self._discriminator_loss, alone=len(parts) == 1)
        metrics = self.accelerator.step(self.optimizers[name], loss, parts)
        discriminator = self.networks[name].requires_grad_(False)
        metrics |= self.accelerator.step(self.optimizers[f"generator{self.stage}"], self._generator_loss, parts)
        discriminator.requires_grad_(True)
        if self.accelerator.stepped:
            self.average.update_parameters(self.generator)
        return metrics

    def _part(self, data: Dataset, indices: Tensor) -> TextBatch:
        pictures, text = data.batch(indices)
        side = STAGE1_SIZE if self.stage == 1 else self.config.size
        real = F.interpolate(on_white(pictures), size=(side, side), mode="area")
        real = real.contiguous(memory_format=torch.channels_last)
        return TextBatch(real, text, rng.randn(len(real), LATENT_DIM, device=real.device))

    def _draw(self, part: TextBatch) -> Tensor:
        """Draw the pictures of the stage that is trained, with gradients."""
        with self.accelerator.autocast():
            if self.stage == 1:
                return visible(self.trained["stage1"](part.latent, part.text))
            frozen = self.generator.stage1.eval()
            with torch.no_grad():
                small = frozen(part.latent, part.text)
            return visible(self.trained["stage2"](small, part.latent, part.text))

    def _seen(self, pictures: Tensor) -> Tensor:
        """Add the noise that the discriminator of stage I sees."""
        if self.stage == 2:
            return pictures
        return pictures + INSTANCE_NOISE * rng.randn(*pictures.shape, device=pictures.device)

    def _generator_loss(self, part: TextBatch) -> Loss:
        fake = self._draw(part) if part.fake is None else part.fake
        with self.accelerator.autocast():
            score: Tensor = self.networks[f"discriminator{self.stage}"](self._seen(fake), part.text)
        loss = F.softplus(-score).mean()
        return loss, {"generator": loss}

    def _discriminator_loss(self, part: TextBatch, alone: bool) -> Loss:
        # The graph of a part that is alone serves both networks; of several, only one at a time is held in memory.
        with torch.set_grad_enabled(alone):
            fake = self._draw(part)
        part.fake = fake if alone else None
        discriminator, text = self.trained[f"discriminator{self.stage}"], part.text
        real = self._seen(part.real)
        with self.accelerator.autocast():
            matched, mismatched = discriminator(real, text, distributed.rolled(text)).chunk(2)
            generated = discriminator(self._seen(fake.detach()), text)
        wrong = (F.softplus(mismatched).mean() + F.softplus(generated).mean()) / 2
        loss = F.softplus(-matched).mean() + wrong
        return loss, {"discriminator": loss}

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor) -> Tensor:
        """Draw latents (N, L) under text embeddings (N, D) after the stage that is in training.

        With the averaged generator: opaque RGBA, float (N, 4, S, S) in 0..1.
        """
        average, device = self.averaged_generator.eval(), self.accelerator.device
        latent, text = latent.to(device), text.to(device)
        with self.accelerator.autocast():
            logits = average.stage1(latent, text)
            if self.stage == 2:
                assert average.stage2 is not None
                logits = average.stage2(logits, latent, text)
        return as_rgba(visible(logits))

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid."""
        return grid(self.generate(*self.fixed))
