"""The default recipe: an autoencoder whose codes become a memory, then adversarial training on mixes of codes.

1. Stage I, reconstruction. Two encoders and stage I learn to draw every picture, 64x64, from a shape code and a color
   code; the shape's encoder sees other colors than are to be drawn, so that they must come from the color code.
2. Stage I, adversarial. The codes become parameters. Half of a batch are pictures drawn from their own codes, which
   must stay themselves; half are mixes that the memory reads for random texts, which must look real to a discriminator
   over frozen features (Projected GAN, Sauer et al., 2021, arXiv:2111.01007) and stay close, in layout and colors, to
   what the autoencoder drew of them.
3. Stage II, adversarial. Stage I and the codes are fixed; stage II is trained in the same way at full size.

In all of them the memory's heads learn which pictures match which text.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from pgtrain.data.dataset import Dataset
from pgtrain.data.images import grid
from pgtrain.engine import rng
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.ema import averaged
from pgtrain.engine.system import Metrics
from pgtrain.models import projected_discriminator as projected
from pgtrain.models.augment import DRAWS, augment, jitter
from pgtrain.models.compositing import visible
from pgtrain.models.memory import LATENT_DIM, Choice, Codes
from pgtrain.models.projected_discriminator import FeatureDiscriminator, FrozenFeatures, on_random_background
from pgtrain.models.recolor import recolor
from pgtrain.models.reconstruction import (
    annealed,
    chroma_distance,
    edge_loss,
    layout_distance,
    reconstruction_loss,
    set_rate,
)
from pgtrain.models.text_encoder import whitening
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.decoder import ColorEncoder, ShapeEncoder, enlarged
from pgtrain.systems.stackgan.memory_generator import OPAQUE, MemoryGenerator, describe, match_loss
from pgtrain.systems.stackgan.warm_start import take_over_memory

SHOWN = 64
"""Pictures in the grid of every epoch."""

ENCODED_NOISE = (0.25, 0.15)
"""Deviations of the noise on shape and color codes while the autoencoder learns."""

NAMED_NOISE = (0.15, 0.08)
"""The same for a picture's own codes in the adversarial phase."""

TEXTS = 256
"""Texts that the heads see a step."""

HEADS_RATE = 0.2
"""Share of the heads' learning rate that stays in the adversarial phase: what mixes are drawn from changes slowly."""

HALVING, LEAST_RATE = 60, 0.25
"""Adversarial epochs after which learning rates are halved, and the share of them that stays."""


@dataclass
class MemoryBatch:
    """The inputs of one forward and backward pass of the adversarial phase, for N pictures.

    `own` int64 (N / 2,) are the pictures that are drawn from their own codes, and `target` (N / 2, 4, S, S) those
    pictures; `mixed` are the codes of N / 2 mixes. `draws` decide the discriminator's view of the N drawn pictures;
    `real` is its view of N real ones, the first half of which are the targets, changed as the drawn ones are.
    `anchored` are the pictures that mixes must stay close to: the autoencoder's in stage I, stage I's in stage II,
    which are set together with `fake`: premultiplied RGBA and the discriminator's view of it, once they are drawn.
    """

    own: Tensor
    target: Tensor
    mixed: Codes
    draws: Tensor
    real: list[Tensor]
    anchored: Tensor | None = None
    fake: tuple[Tensor, list[Tensor]] | None = None


class MemoryStackGAN:
    """The networks, the optimizers and the steps of the recipe."""

    name = "stackgan"
    latent_dim = LATENT_DIM

    def __init__(self, config: StackGANConfig, accelerator: Accelerator, data: Dataset) -> None:
        self.config, self.accelerator, self.data = config, accelerator, data
        self.whole_pixels, self.stage, self.reconstructing = data.options.whole_pixels, 1, True
        sizes = {1: STAGE1_SIZE, 2: config.size}
        self.sizes = sizes if config.stage == "both" else {int(config.stage): sizes[int(config.stage)]}
        """Pixels a side of each stage that is trained."""
        mean, matrix = whitening(data.matches.embeddings, config.whitened_dim)
        self.generator = MemoryGenerator(config, len(mean), matrix.shape[1], len(data))
        memory, decoder = self.generator.memory, self.generator.decoder
        memory.whitening.fit(mean, matrix)
        describe(memory, data.pictures, data.labels)
        self.encoders = nn.ModuleDict({"shape": ShapeEncoder(), "color": ColorEncoder()})
        self.discriminators = {stage: FeatureDiscriminator(pixels) for stage, pixels in self.sizes.items()}
        self.anchor_stage1, self.anchor_table = deepcopy(decoder.stage1), deepcopy(memory.table)
        anchor = nn.ModuleDict({"stage1": self.anchor_stage1, "table": self.anchor_table}).requires_grad_(False)
        self.networks = nn.ModuleDict(
            {
                "generator": self.generator,
                "encoders": self.encoders,
                "discriminator": nn.ModuleDict({f"stage{stage}": each for stage, each in self.discriminators.items()}),
                "anchor": anchor,
            }
        )
        accelerator.place(self.networks)
        self.average = averaged(self.generator, config.ema)
        self.averaged_generator = cast(MemoryGenerator, self.average.module)
        self.networks["average"] = self.average
        sides = {stage: max(projected.SIDE, pixels) for stage, pixels in self.sizes.items()}
        features = {side: FrozenFeatures(side) for side in sides.values()}
        self.frozen = {stage: features[side] for stage, side in sides.items()}
        for network in features.values():
            accelerator.place(network)
        self._prepare()
        self._fix_shown()
        self.mixable = (memory.prior > OPAQUE).nonzero()[:, 0]
        if not len(self.mixable):
            self.mixable = torch.arange(len(data), device=accelerator.device)

    def _prepare(self) -> None:
        """Prepare the networks that are trained, and make their optimizers."""
        config, memory, decoder = self.config, self.generator.memory, self.generator.decoder
        prepare, adam = self.accelerator.prepare, self.accelerator.adam
        betas, pretrain_betas = (config.beta1, config.beta2), (0.9, 0.99)
        self.trained: dict[str, Any] = {
            "shape": prepare(self.encoders["shape"]),
            "color": prepare(self.encoders["color"]),
            "stage1": prepare(decoder.stage1),
            "shape_head": prepare(memory.shape_head),
            "color_head": prepare(memory.color_head),
            "table": prepare(memory.table),
        }
        autoencoder = nn.ModuleList([decoder.stage1, self.encoders])
        heads = nn.ModuleList([memory.shape_head, memory.color_head])
        self.optimizers = {
            "autoencoder": adam(autoencoder, config.pretrain_lr, pretrain_betas),
            "heads": adam(heads, config.pretrain_lr, pretrain_betas),
            "stage1": adam(decoder.stage1, config.generator_lr, betas, codes=(memory.table, config.codes_lr)),
        }
        for stage, discriminator in self.discriminators.items():
            name = f"discriminator{stage}"
            self.trained[name] = prepare(discriminator)
            self.optimizers[name] = adam(discriminator, config.discriminator_lr, betas)
        if decoder.stage2 is not None:
            self.trained["stage2"] = prepare(decoder.stage2)
            self.optimizers["stage2"] = adam(decoder.stage2, config.generator_lr, betas)

    def _fix_shown(self) -> None:
        """Choose latents and texts that every grid shows: names, then texts that mix pictures."""
        data = self.data
        generator = torch.Generator().manual_seed(0)  # the same in every run, whatever its seed
        latent = torch.randn(SHOWN, LATENT_DIM, generator=generator)
        names = torch.linspace(0, len(data) - 1, SHOWN // 2).long()
        free = data.matches.free.cpu().nonzero()[:, 0]
        free = free[torch.linspace(0, max(0, len(free) - 1), SHOWN - SHOWN // 2).long()] if len(free) else free
        texts = torch.cat([data.embeddings[data.name_ids[names]], data.matches.embeddings[free]])
        self.fixed = latent[: len(texts)].to(self.accelerator.device), texts

    def start_epoch(self, epoch: int) -> str:
        """Choose the phase for `epoch`, and set its learning rates."""
        config = self.config
        if config.start and not self.average.n_averaged:  # a new run; one that goes on has its own checkpoint
            take_over_memory(config.start, self.generator, self.averaged_generator)
        self.reconstructing = epoch < config.stage1_pretrain
        self.stage = 2 if 2 in self.sizes and epoch >= config.stage1_epochs else 1
        if self.reconstructing:
            for name in ("autoencoder", "heads"):
                set_rate(self.optimizers[name], config.pretrain_lr * annealed(epoch / config.stage1_pretrain))
            return "stage I, reconstruction"
        begin = config.stage1_pretrain if self.stage == 1 else config.stage1_epochs
        if epoch == begin:
            self._begin_stage1() if self.stage == 1 else self._begin_stage2()
        share = max(LEAST_RATE, 0.5 ** ((epoch - begin) / HALVING))
        groups = self.optimizers[f"stage{self.stage}"].param_groups  # stage II trains no codes
        for group, rate in zip(groups, (config.generator_lr, config.codes_lr), strict=False):
            group["lr"] = rate * share
        set_rate(self.optimizers[f"discriminator{self.stage}"], config.discriminator_lr * max(share, 2 * LEAST_RATE))
        set_rate(self.optimizers["heads"], HEADS_RATE * config.pretrain_lr)
        return f"stage {'I' * self.stage}, adversarial"

    def _begin_stage1(self) -> None:
        """Go on from the averaged stage I; its pictures of the encoded codes become the anchor.

        Nothing is changed in a run that has an anchor: one that was interrupted in this epoch, or is evaluated.
        """
        if self.anchor_table.shapes.any():
            return
        stage1, table = self.generator.decoder.stage1, self.generator.memory.table
        if self.config.stage1_pretrain:
            table.fill(self._encoded())
            stage1.load_state_dict(self.averaged_generator.decoder.stage1.state_dict())
        self.anchor_stage1.load_state_dict(stage1.state_dict())
        self.anchor_table.load_state_dict(table.state_dict())
        self.averaged_generator.memory.table.load_state_dict(table.state_dict())

    def _begin_stage2(self) -> None:
        """Fix stage I and the codes as they were averaged; the average of what no longer changes stays."""
        self.generator.decoder.stage1.load_state_dict(self.averaged_generator.decoder.stage1.state_dict())
        self.generator.memory.table.load_state_dict(self.averaged_generator.memory.table.state_dict())

    @torch.no_grad()
    def _encoded(self) -> Codes:
        """Encode all pictures."""
        self.encoders.eval()
        codes = []
        for indices in torch.split(torch.arange(len(self.data), device=self.accelerator.device), 128):
            small = self._sized(self.data.fetch(indices))
            with self.accelerator.autocast():
                codes.append((self.encoders["shape"](small), self.encoders["color"](small)))
        self.encoders.train()
        shapes, colors = zip(*codes, strict=True)
        return Codes(torch.cat(shapes), torch.cat(colors))

    def _sized(self, pictures: Tensor) -> Tensor:
        """Make pictures as large as those of the stage that is trained."""
        pixels = self.sizes[self.stage]
        if pictures.shape[-1] != pixels:
            pictures = F.interpolate(pictures, size=(pixels, pixels), mode="area")
        return pictures.contiguous(memory_format=torch.channels_last)

    def train_step(self, data: Dataset, indices: Tensor, step: int) -> Metrics:
        """One step of the autoencoder and the heads, or one of discriminator and generator."""
        parts = self.accelerator.parts(indices)
        if self.reconstructing:
            metrics = self.accelerator.step(self.optimizers["autoencoder"], partial(self._autoencode, data), parts)
        else:
            metrics = self._adversarial_step(data, parts)
        heads_loss = partial(match_loss, self.generator.memory, self.trained, data.matches)
        rows = (rng.rand(TEXTS, 1, device=indices.device)[:, 0] * len(data.matches)).long()
        metrics |= self.accelerator.step(self.optimizers["heads"], heads_loss, [rows])
        if self.accelerator.stepped:
            self.average.update_parameters(self.generator)
        return metrics

    def _autoencode(self, data: Dataset, indices: Tensor) -> Loss:
        """Reconstruct pictures, recolored, from their codes."""
        large = jitter(data.fetch(indices), 0.4, self.whole_pixels)
        seen, target = recolor(torch.cat([large, large]), 0.4).chunk(2)
        alike = rng.rand(len(indices), 1, 1, 1, device=self.accelerator.device) < 0.3
        seen, small = torch.where(alike, target, seen), self._sized(target)
        with self.accelerator.autocast():
            codes = Codes(self.trained["shape"](self._sized(seen)), self.trained["color"](small))
            _, logits = self.trained["stage1"](*_noisy(codes, ENCODED_NOISE))
        pictures = visible(logits)
        reconstruction = reconstruction_loss(pictures, small)
        return reconstruction + edge_loss(pictures, small), {"reconstruction": reconstruction}

    def _seen(self, pictures: Tensor, draws: Tensor) -> list[Tensor]:
        """What the discriminator sees of premultiplied RGBA: the changed pixels, and their frozen features."""
        seen = on_random_background(augment(pictures, draws[:, :DRAWS], self.whole_pixels), draws[:, DRAWS:])
        return [2 * seen - 1, *self.frozen[self.stage](seen)]

    def _adversarial_step(self, data: Dataset, indices: list[Tensor]) -> Metrics:
        parts = [self._part(data, part) for part in indices]
        alone, name = len(parts) == 1, f"discriminator{self.stage}"

        def discriminator_loss(part: MemoryBatch) -> Loss:
            # One part's graph serves both networks; of several, only one at a time is held in memory.
            with torch.set_grad_enabled(alone):
                fake = self._fake(part)
            part.fake = fake if alone else None
            with self.accelerator.autocast():
                maps = [torch.cat([real, drawn.detach()]) for real, drawn in zip(part.real, fake[1], strict=True)]
                on_real, on_fake = self.trained[name](maps).chunk(2)
            loss = F.relu(1 - on_real).mean() + F.relu(1 + on_fake).mean()
            return loss, {"discriminator": loss}

        metrics = self.accelerator.step(self.optimizers[name], discriminator_loss, parts)
        self.discriminators[self.stage].requires_grad_(False)
        metrics |= self.accelerator.step(self.optimizers[f"stage{self.stage}"], self._generator_loss, parts)
        self.discriminators[self.stage].requires_grad_(True)
        return metrics

    @torch.no_grad()
    def _part(self, data: Dataset, indices: Tensor) -> MemoryBatch:
        """Draw the mixes of a step and what the autoencoder makes of them."""
        memory, device = self.generator.memory, self.accelerator.device
        count = max(1, len(indices) // 2)
        own = indices[:count]
        others = self.mixable[(rng.rand(count, 1, device=device)[:, 0] * len(self.mixable)).long()]
        free = data.matches.free.nonzero()[:, 0]
        free = free if len(free) else torch.arange(len(data.matches), device=device)
        rows = free[(rng.rand(count, 1, device=device)[:, 0] * len(free)).long()]
        latent = rng.randn(count, LATENT_DIM, device=device)
        choice = memory.choose(latent, data.matches.embeddings[rows])
        mixed = memory.noisy(memory.table.blend(choice), latent)
        target, more = self._sized(data.fetch(own)), self._sized(data.fetch(others))
        draws = rng.rand(2 * count, DRAWS + projected.BACKGROUND_DRAWS, device=device)
        seen = torch.cat([draws[:count], rng.rand(*draws[count:].shape, device=device)])
        with self.accelerator.autocast():
            real = self._seen(torch.cat([target, more]), seen)
        anchored = self._anchored(choice) if self.stage == 1 else None
        return MemoryBatch(own, target, mixed, draws, real, anchored)

    def _anchored(self, choice: Choice) -> Tensor:
        """Draw mixes as the autoencoder did."""
        codes = self.anchor_table.blend(choice)
        with self.accelerator.autocast():
            _, logits = self.anchor_stage1.eval()(*codes)
        return visible(logits)

    def _fake(self, part: MemoryBatch) -> tuple[Tensor, list[Tensor]]:
        """Draw a picture from each of half of the pictures' own codes, then the mixes."""
        with torch.set_grad_enabled(self.stage == 1 and torch.is_grad_enabled()):
            own = _noisy(self.trained["table"](part.own), NAMED_NOISE)
            shape = torch.cat([own.shape, part.mixed.shape]).contiguous(memory_format=torch.channels_last)
            color = torch.cat([own.color, part.mixed.color])
            stage1 = self.trained["stage1"] if self.stage == 1 else self.generator.decoder.stage1.eval()
            with self.accelerator.autocast():
                features, logits = stage1(shape, color)
        with self.accelerator.autocast():
            if self.stage == 1:
                pictures = visible(logits)
            else:
                pictures = visible(self.trained["stage2"](features, logits, color))
                part.anchored = visible(enlarged(logits[len(part.own) :], pictures.shape[-1]))
            return pictures, self._seen(pictures, part.draws)

    def _generator_loss(self, part: MemoryBatch) -> Loss:
        """Scores of the discriminator, reconstruction of the pictures' own codes, and the anchor of the mixes."""
        pictures, maps = part.fake or self._fake(part)
        config, count = self.config, len(part.own)
        with self.accelerator.autocast():
            metrics = {"generator": -self.discriminators[self.stage](maps).mean()}
        metrics["reconstruction"] = reconstruction_loss(pictures[:count], part.target)
        own, targets = ([level[:count] for level in seen[1:]] for seen in (maps, part.real))
        metrics["features"] = projected.feature_distance(own, targets)
        loss = metrics["generator"] + config.features * metrics["features"]
        loss = loss + config.reconstruction * (metrics["reconstruction"] + edge_loss(pictures[:count], part.target))
        assert part.anchored is not None
        mixes = pictures[count:]
        metrics["anchor"] = layout_distance(mixes, part.anchored)
        metrics["chroma"] = chroma_distance(mixes, part.anchored)
        return loss + config.anchor * metrics["anchor"] + config.chroma * metrics["chroma"], metrics

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor) -> Tensor:
        """Draw latents (N, L) under text embeddings (N, D) after the last stage that has been trained.

        With the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1.
        """
        device = self.accelerator.device
        with self.accelerator.autocast():
            small, large = self.averaged_generator.eval()(latent.to(device), text.to(device))
        return visible(small if large is None or self.stage == 1 else large)

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid; the memory holds what the encoders see now, until it is trained itself."""
        if self.reconstructing:
            self.averaged_generator.memory.table.fill(self._encoded())
        return grid(self.generate(*self.fixed))


def _noisy(codes: Codes, deviations: tuple[float, float]) -> Codes:
    """Add noise to shape and color codes."""
    return Codes(
        *(
            code + deviation * rng.randn(*code.shape, device=code.device)
            for code, deviation in zip(codes, deviations, strict=True)
        )
    )
