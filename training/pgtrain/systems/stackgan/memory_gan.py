"""The default recipe: an autoencoder whose codes become a memory, then an adversarial game over mixes of codes.

1. Stage I, reconstruction. Two encoders and stage I learn to draw every picture, 64x64, from a shape code and a color
   code; the shape's encoder sees other colors than are to be drawn, so that they must come from the color code.
2. Stage I, adversarial. The codes become parameters. Half of a batch are pictures drawn from their own codes, which
   must stay themselves; half are mixes that the memory reads for random texts, which must look real to a discriminator
   over frozen features (Projected GAN, Sauer et al., 2021, arXiv:2111.01007) and stay close, in layout and colors, to
   what the autoencoder drew of them.
3. Stage II, adversarial. Stage I and the codes are fixed; stage II learns its part of the same game at full size.

In all of them the memory's heads learn which pictures match which text.
"""

from copy import deepcopy
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pgtrain.data.dataset import Dataset
from pgtrain.data.images import grid
from pgtrain.engine import rng
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.ema import averaged
from pgtrain.engine.system import Metrics
from pgtrain.models import projected_discriminator as projected
from pgtrain.models.augment import DRAWS, augment, jitter
from pgtrain.models.compositing import as_rgba, visible
from pgtrain.models.memory import Choice, Codes, CodeSize, CodeTable
from pgtrain.models.projected_discriminator import FeatureDiscriminator, FrozenFeatures, on_some_ground
from pgtrain.models.recolor import recolor
from pgtrain.models.reconstruction import annealed, edge_loss, reconstruction_loss, set_rate
from pgtrain.models.text_encoder import whitening
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.decoder import ColorEncoder, ShapeEncoder, enlarged
from pgtrain.systems.stackgan.memory_generator import OPAQUE, MemoryGenerator, describe, match_loss
from pgtrain.systems.stackgan.mixes import MemoryBatch, chroma_distance, layout_distance
from pgtrain.systems.stackgan.warm_start import take_over_memory

RECONSTRUCTION = "stage I, reconstruction"
ADVERSARIAL = {1: "stage I, adversarial", 2: "stage II, adversarial"}
"""Names of the phases."""

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


class MemoryStackGAN:
    """The system: networks, optimizers and the recipe's steps."""

    name = "stackgan"

    def __init__(self, config: StackGANConfig, accelerator: Accelerator, data: Dataset) -> None:
        self.config, self.accelerator, self.size = config, accelerator, CodeSize()
        self.whole_pixels = data.options.whole_pixels
        mean, matrix = whitening(data.matches.embeddings, config.whitened_dim)
        generator = MemoryGenerator(config, len(mean), matrix.shape[1], len(data))
        generator.memory.whitening.fit(mean, matrix)
        describe(generator.memory, data.pictures, data.labels)
        sizes = {1: STAGE1_SIZE, 2: config.size}
        self.sizes = sizes if config.stage == "both" else {int(config.stage): sizes[int(config.stage)]}
        """Pixels a side of each stage that is trained."""
        encoders = nn.ModuleDict({"shape": ShapeEncoder(self.size), "color": ColorEncoder(self.size)})
        self.networks = nn.ModuleDict(
            {
                "generator": generator,
                "encoders": encoders,
                "discriminator": nn.ModuleDict(
                    {f"stage{stage}": FeatureDiscriminator(pixels) for stage, pixels in self.sizes.items()}
                ),
            }
        )
        anchor = nn.ModuleDict(
            {"stage1": deepcopy(generator.decoder.stage1), "table": deepcopy(generator.memory.table)}
        )
        self.networks["anchor"] = anchor.requires_grad_(False)
        accelerator.place(self.networks)
        self.networks["average"] = averaged(generator, config.ema)
        sides = {stage: max(projected.SIDE, pixels) for stage, pixels in self.sizes.items()}
        features = {side: FrozenFeatures(side) for side in sides.values()}
        self.frozen = {stage: features[side] for stage, side in sides.items()}
        for network in features.values():
            accelerator.place(network)
        self._prepare(generator)
        self._fix_shown(data)
        self.mixable = (generator.memory.prior > OPAQUE).nonzero()[:, 0]
        if not len(self.mixable):
            self.mixable = torch.arange(len(data), device=accelerator.device)
        self.phase = RECONSTRUCTION

    def _prepare(self, generator: MemoryGenerator) -> None:
        config, accelerator, memory, decoder = self.config, self.accelerator, generator.memory, generator.decoder
        discriminators = cast(nn.ModuleDict, self.networks["discriminator"])
        trained = {
            "shape": self.networks["encoders"]["shape"],  # type: ignore[index]
            "color": self.networks["encoders"]["color"],  # type: ignore[index]
            "stage1": decoder.stage1,
            "shape_head": memory.shape_head,
            "color_head": memory.color_head,
            "table": memory.table,
        } | {f"discriminator{stage}": discriminators[f"stage{stage}"] for stage in self.sizes}
        if decoder.stage2 is not None:
            trained["stage2"] = decoder.stage2
        self.trained: dict[str, Any] = {name: accelerator.prepare(network) for name, network in trained.items()}
        autoencoder = nn.ModuleList([decoder.stage1, self.networks["encoders"]])
        heads = nn.ModuleList([memory.shape_head, memory.color_head])
        betas = (config.beta1, config.beta2)
        self.optimizers = {
            "autoencoder": accelerator.adam(autoencoder, config.pretrain_lr, (0.9, 0.99)),
            "heads": accelerator.adam(heads, config.pretrain_lr, (0.9, 0.99)),
            "stage1": accelerator.adam(
                decoder.stage1, config.generator_lr, betas, codes=(memory.table, config.codes_lr)
            ),
        }
        if decoder.stage2 is not None:
            self.optimizers["stage2"] = accelerator.adam(decoder.stage2, config.generator_lr, betas)
        for stage in self.sizes:
            name = f"discriminator{stage}"
            self.optimizers[name] = accelerator.adam(discriminators[f"stage{stage}"], config.discriminator_lr, betas)

    def _fix_shown(self, data: Dataset, count: int = 64) -> None:
        """Choose latents and texts that every grid shows: names, then texts that mix pictures."""
        generator = torch.Generator().manual_seed(0)  # the same in every run, whatever its seed
        latent = torch.randn(count, self.latent_dim, generator=generator)
        names = torch.linspace(0, len(data) - 1, count // 2).long()
        free = data.matches.free.cpu().nonzero()[:, 0]
        free = free[torch.linspace(0, max(0, len(free) - 1), count - count // 2).long()] if len(free) else free
        texts = torch.cat([data.embeddings[data.name_ids[names]], data.matches.embeddings[free]])
        self.fixed = latent[: len(texts)].to(self.accelerator.device), texts
        self.pictures = data

    @property
    def generator(self) -> MemoryGenerator:
        """The generator that is trained."""
        return cast(MemoryGenerator, self.networks["generator"])

    @property
    def latent_dim(self) -> int:
        """Numbers that a latent has."""
        return self.size.latent_dim

    def start_epoch(self, epoch: int) -> str:
        """Choose the phase for `epoch`, and set its learning rates."""
        config = self.config
        if config.start and not self._average.n_averaged:  # a new run; one that goes on has its own checkpoint
            take_over_memory(config.start, self.generator, self._averaged())
        if epoch < config.stage1_pretrain:
            for name in ("autoencoder", "heads"):
                set_rate(self.optimizers[name], config.pretrain_lr * annealed(epoch / config.stage1_pretrain))
            self.phase = RECONSTRUCTION
            return self.phase
        stage = 2 if 2 in self.sizes and epoch >= config.stage1_epochs else 1
        begin = config.stage1_pretrain if stage == 1 else config.stage1_epochs
        if epoch == begin:
            self._begin_stage1() if stage == 1 else self._begin_stage2()
        share = max(LEAST_RATE, 0.5 ** ((epoch - begin) / HALVING))
        groups = self.optimizers[f"stage{stage}"].param_groups  # stage II trains no codes
        for group, rate in zip(groups, (config.generator_lr, config.codes_lr), strict=False):
            group["lr"] = rate * share
        set_rate(self.optimizers[f"discriminator{stage}"], config.discriminator_lr * max(share, 2 * LEAST_RATE))
        set_rate(self.optimizers["heads"], HEADS_RATE * config.pretrain_lr)
        self.phase = ADVERSARIAL[stage]
        return self.phase

    @property
    def stage(self) -> int:
        """The stage that is trained, 1 or 2."""
        return 2 if self.phase == ADVERSARIAL[2] else 1

    def _begin_stage1(self) -> None:
        """Go on from the averaged stage I; its pictures of the encoded codes become the anchor.

        Nothing is changed in a run that has an anchor: one that was interrupted in this epoch, or is evaluated.
        """
        anchor = cast(nn.ModuleDict, self.networks["anchor"])
        if cast(CodeTable, anchor["table"]).shapes.any():
            return
        generator, average = self.generator, self._averaged()
        if self.config.stage1_pretrain:
            generator.memory.table.fill(self._encoded())
            generator.decoder.stage1.load_state_dict(average.decoder.stage1.state_dict())
        anchor["stage1"].load_state_dict(generator.decoder.stage1.state_dict())
        anchor["table"].load_state_dict(generator.memory.table.state_dict())
        average.memory.table.load_state_dict(generator.memory.table.state_dict())

    def _begin_stage2(self) -> None:
        """Fix stage I and the codes as they were averaged; the average of what no longer changes stays."""
        generator, average = self.generator, self._averaged()
        generator.decoder.stage1.load_state_dict(average.decoder.stage1.state_dict())
        generator.memory.table.load_state_dict(average.memory.table.state_dict())

    @torch.no_grad()
    def _encoded(self) -> Codes:
        """Encode all pictures."""
        encoders = self.networks["encoders"].eval()
        parts = []
        for indices in torch.split(torch.arange(len(self.pictures), device=self.accelerator.device), 128):
            small = self._sized(self.pictures.fetch(indices))
            with self.accelerator.autocast():
                parts.append((encoders["shape"](small), encoders["color"](small)))  # type: ignore[index]
        encoders.train()
        shapes, colors = zip(*parts, strict=True)
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
        if self.phase != RECONSTRUCTION:
            metrics = self._adversarial_step(data, parts)
        else:
            metrics = self.accelerator.step(
                self.optimizers["autoencoder"], lambda part: self._autoencode(data, part), parts
            )
        heads_loss = partial(match_loss, self.generator.memory, self.trained, data.matches)
        rows = (rng.rand(TEXTS, 1, device=indices.device)[:, 0] * len(data.matches)).long()
        metrics |= self.accelerator.step(self.optimizers["heads"], heads_loss, [rows])
        if self.accelerator.stepped:
            self._average.update_parameters(self.generator)
        return metrics

    def _autoencode(self, data: Dataset, indices: Tensor) -> Loss:
        """Reconstruct pictures, recolored, from their codes."""
        count, device = len(indices), self.accelerator.device
        large = jitter(data.fetch(indices), 0.4, self.whole_pixels)
        both = torch.cat([large, large])
        colored = recolor(both, 0.4)
        seen, target = colored.chunk(2)
        same = rng.rand(count, 1, 1, 1, device=device) < 0.3
        seen = torch.where(same, target, seen)
        small = self._sized(target)
        with self.accelerator.autocast():
            shape, color = self.trained["shape"](self._sized(seen)), self.trained["color"](small)
            shape = shape + ENCODED_NOISE[0] * rng.randn(*shape.shape, device=device)
            color = color + ENCODED_NOISE[1] * rng.randn(*color.shape, device=device)
            drawn = self.trained["stage1"](shape, color)
        pictures = visible(drawn[1])
        reconstruction = reconstruction_loss(pictures, small)
        return reconstruction + edge_loss(pictures, small), {"reconstruction": reconstruction}

    def _seen(self, pictures: Tensor, draws: Tensor) -> list[Tensor]:
        """What the discriminator sees of premultiplied RGBA: the changed pixels, and their frozen features."""
        seen = on_some_ground(augment(pictures, draws[:, :DRAWS], self.whole_pixels), draws[:, DRAWS:])
        return [2 * seen - 1, *self.frozen[self.stage](seen)]

    def _adversarial_step(self, data: Dataset, indices: list[Tensor]) -> Metrics:
        parts = [self._part(data, part) for part in indices]
        alone = len(parts) == 1

        def discriminator_loss(part: MemoryBatch) -> Loss:
            # One part's graph serves both networks; of several, only one at a time is held in memory.
            with torch.set_grad_enabled(alone):
                fake = self._fake(part)
            part.fake = fake if alone else None
            with self.accelerator.autocast():
                scores = self.trained[f"discriminator{self.stage}"](
                    [torch.cat([r, f.detach()]) for r, f in zip(part.real, fake[1], strict=True)]
                )
            good, bad = scores.chunk(2)
            loss = F.relu(1 - good).mean() + F.relu(1 + bad).mean()
            return loss, {"discriminator": loss}

        metrics = self.accelerator.step(self.optimizers[f"discriminator{self.stage}"], discriminator_loss, parts)
        discriminator = self._discriminator.requires_grad_(False)
        metrics |= self.accelerator.step(self.optimizers[f"stage{self.stage}"], self._generator_loss, parts)
        discriminator.requires_grad_(True)
        return metrics

    def _part(self, data: Dataset, indices: Tensor) -> MemoryBatch:
        """Draw the mixes of a step and what the autoencoder makes of them."""
        device = self.accelerator.device
        count = max(1, len(indices) // 2)
        own = indices[:count]
        others = self.mixable[(rng.rand(count, 1, device=device)[:, 0] * len(self.mixable)).long()]
        free = data.matches.free.nonzero()[:, 0]
        free = free if len(free) else torch.arange(len(data.matches), device=device)
        rows = free[(rng.rand(count, 1, device=device)[:, 0] * len(free)).long()]
        latent = rng.randn(count, self.latent_dim, device=device)
        memory = self.generator.memory
        with torch.no_grad():
            choice = memory.choose(latent, data.matches.embeddings[rows])
            mixed = memory.noisy(memory.table.blend(choice), latent)
            target, more = self._sized(data.fetch(own)), self._sized(data.fetch(others))
            draws = rng.rand(2 * count, DRAWS + projected.GROUND_DRAWS, device=device)
            seen = torch.cat([draws[:count], rng.rand(*draws[count:].shape, device=device)])
            with self.accelerator.autocast():
                real = self._seen(torch.cat([target, more]), seen)
        part = MemoryBatch(own, target, mixed, draws, real)
        if self.stage == 1:
            part.anchored = self._anchored(choice)
        return part

    @torch.no_grad()
    def _anchored(self, choice: Choice) -> Tensor:
        """Draw mixes as the autoencoder did."""
        anchor = cast(nn.ModuleDict, self.networks["anchor"]).eval()
        codes = cast(CodeTable, anchor["table"]).blend(choice)
        with self.accelerator.autocast():
            drawn = anchor["stage1"](*codes)
        return visible(drawn[1])

    def _fake(self, part: MemoryBatch) -> tuple[Tensor, list[Tensor]]:
        """Draw a picture from each of half of the pictures' own codes, then the mixes."""
        with torch.set_grad_enabled(self.stage == 1 and torch.is_grad_enabled()):
            own: Codes = self.trained["table"](part.own)
            device = self.accelerator.device
            shape = own.shape + NAMED_NOISE[0] * rng.randn(*own.shape.shape, device=device)
            color = own.color + NAMED_NOISE[1] * rng.randn(*own.color.shape, device=device)
            shape = torch.cat([shape, part.mixed.shape]).contiguous(memory_format=torch.channels_last)
            color = torch.cat([color, part.mixed.color])
            stage1 = self.trained["stage1"] if self.stage == 1 else self.generator.decoder.stage1.eval()
            with self.accelerator.autocast():
                drawn = stage1(shape, color)
        with self.accelerator.autocast():
            if self.stage == 1:
                pictures = visible(drawn[1])
            else:
                pictures = visible(self.trained["stage2"](drawn, color))
                part.anchored = visible(enlarged(drawn[1][len(part.own) :], pictures.shape[-1]))
            return pictures, self._seen(pictures, part.draws)

    def _generator_loss(self, part: MemoryBatch) -> Loss:
        """Scores of the discriminator, reconstruction of the pictures' own codes, and the anchor of the mixes."""
        pictures, maps = part.fake or self._fake(part)
        config, count = self.config, len(part.own)
        with self.accelerator.autocast():
            metrics = {"generator": -self._discriminator(maps).mean()}
        metrics["reconstruction"] = reconstruction_loss(pictures[:count], part.target)
        own, targets = ([level[:count] for level in seen[1:]] for seen in (maps, part.real))
        metrics["features"] = projected.feature_distance(own, targets)
        loss = metrics["generator"] + config.features * metrics["features"]
        loss = loss + config.reconstruction * (metrics["reconstruction"] + edge_loss(pictures[:count], part.target))
        mixed, anchored = pictures[count:], cast(Tensor, part.anchored)
        metrics["anchor"], metrics["chroma"] = layout_distance(mixed, anchored), chroma_distance(mixed, anchored)
        return loss + config.anchor * metrics["anchor"] + config.chroma * metrics["chroma"], metrics

    @property
    def _discriminator(self) -> nn.Module:
        """The discriminator of the stage that is trained."""
        return cast(nn.ModuleDict, self.networks["discriminator"])[f"stage{self.stage}"]

    @property
    def _average(self) -> AveragedModel:
        return cast(AveragedModel, self.networks["average"])

    def _averaged(self) -> MemoryGenerator:
        return cast(MemoryGenerator, self._average.module)

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor) -> Tensor:
        """Draw latents (N, L) under text embeddings (N, D) after the last stage that has been trained.

        With the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1.
        """
        average, device = self._averaged().eval(), self.accelerator.device
        with self.accelerator.autocast():
            small, large = average(latent.to(device), text.to(device))
        return as_rgba(visible(small if large is None or self.stage == 1 else large))

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid; the memory holds what the encoders see now, until it is trained itself."""
        if self.phase == RECONSTRUCTION:
            self._averaged().memory.table.fill(self._encoded())
        return grid(self.generate(*self.fixed))
