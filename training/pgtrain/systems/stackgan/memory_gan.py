"""The default recipe: an autoencoder whose codes become a memory, then an adversarial game over mixes of codes.

1. Reconstruction. Two encoders and the decoder learn to draw every picture from a shape code and a color code; the
   shape's encoder sees other colors than are to be drawn, so that they must come from the color code. Beside it the
   memory's heads learn which pictures match which text.
2. Adversarial. The codes become parameters. Half of a batch are pictures drawn from their own codes, which must stay
   themselves; half are mixes that the memory reads for random texts, which must look real to a discriminator over
   frozen features (Projected GAN, Sauer et al., 2021, arXiv:2111.01007) and stay close, in layout and colors, to what
   the autoencoder drew of them.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pgtrain.data.dataset import Dataset
from pgtrain.data.images import grid
from pgtrain.engine import rng
from pgtrain.engine.accelerator import Engine, Loss
from pgtrain.engine.ema import averaged
from pgtrain.engine.system import Metrics
from pgtrain.models.augment import augment, jitter
from pgtrain.models.compositing import as_rgba, visible
from pgtrain.models.memory import SHARES, Codes, CodeSize, CodeTable, Memory
from pgtrain.models.projected_discriminator import SIDE as SEEN_SIDE
from pgtrain.models.projected_discriminator import FeatureDiscriminator, FrozenFeatures, on_some_ground
from pgtrain.models.recolor import recolor
from pgtrain.models.reconstruction import annealed, edge_loss, reconstruction_loss, set_rate
from pgtrain.models.text_encoder import whitening
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.decoder import ColorEncoder, Decoder, ShapeEncoder
from pgtrain.systems.stackgan.warm_start import take_over_memory

OUTLINE_SIDE, OUTLINE_DIM = 16, 24
"""Pixels a side, and numbers, of what is kept of a silhouette."""

OPAQUE, SECOND = -8.0, -0.7
"""Priors of pictures with an opaque ground, which are hardly ever mixed, and of a name's further pictures."""

ENCODED_NOISE = (0.25, 0.15)
"""Deviations of the noise on shape and color codes while the autoencoder learns."""

NAMED_NOISE = (0.15, 0.08)
"""The same for a picture's own codes in the adversarial phase."""

TEXTS, TEXT_NOISE = 256, 0.3
"""Texts that the heads see a step, and the deviation of the noise on them, whitened."""

HEADS_RATE = 0.2
"""Share of the heads' learning rate that stays in the adversarial phase: what mixes are drawn from changes slowly."""

HALVING, LEAST_RATE = 60, 0.25
"""Adversarial epochs after which learning rates are halved, and the share of them that stays."""


class MemoryGenerator(nn.Module):
    """Text and latent to pictures: memory, stage I, stage II."""

    def __init__(self, config: StackGANConfig, text_dim: int, whitened_dim: int, pictures: int) -> None:
        super().__init__()
        size = CodeSize()
        pixels = STAGE1_SIZE if config.stage == "1" else config.size
        self.memory = Memory(size, text_dim, whitened_dim, pictures, OUTLINE_DIM)
        self.decoder = Decoder(config.width, config.channels, pixels, size)

    @property
    def further_inputs(self) -> dict[str, int]:
        """Names and widths of what :meth:`forward` takes after latent and text; zeros ask for nothing."""
        text = self.memory.whitening.linear.in_features
        asked = {"second_latent": self.memory.size.latent_dim, "second_text": text, "second_color_text": text}
        return {"color_text": text} | asked | {"share": SHARES}

    def forward(self, latent: Tensor, text: Tensor, *further: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map latents, text embeddings and `further` inputs, as :meth:`Memory.forward` has them, to logits.

        Of stage I, (N, 4, 64, 64), and of stage II, (N, 4, S, S), if there is one.
        """
        drawn: tuple[Tensor, Tensor | None] = self.decoder(self.memory(latent, text, *further))
        return drawn


@dataclass
class Part:
    """What one forward and backward pass of the adversarial phase sees.

    `own` int64 (N / 2,) are pictures that are drawn from their own codes, and `target` what they look like; `mixed` are
    codes of N / 2 mixes, and `anchored` what the autoencoder drew of these; `real` are N pictures that are mixed.
    `fake` is set once the generator ran: premultiplied RGBA of stages I and II, and the feature maps of the last.
    """

    own: Tensor
    target: Tensor
    real: Tensor
    mixed: Codes
    anchored: Tensor
    fake: tuple[Tensor, Tensor, list[Tensor]] | None = None


class MemoryStackGAN:
    """The system: networks, optimizers and the recipe's steps."""

    name = "stackgan"

    def __init__(self, config: StackGANConfig, engine: Engine, data: Dataset) -> None:
        self.config, self.engine, self.size = config, engine, CodeSize()
        mean, matrix = whitening(data.matches.embeddings, config.whitened_dim)
        generator = MemoryGenerator(config, len(mean), matrix.shape[1], len(data))
        generator.memory.whitening.fit(mean, matrix)
        self._describe(generator.memory, data)
        self.pixels = STAGE1_SIZE if config.stage == "1" else config.size
        encoders = nn.ModuleDict({"shape": ShapeEncoder(self.size), "color": ColorEncoder(self.size)})
        self.networks = nn.ModuleDict(
            {"generator": generator, "encoders": encoders, "discriminator": FeatureDiscriminator(self.pixels)}
        )
        anchor = nn.ModuleDict({"decoder": deepcopy(generator.decoder), "table": deepcopy(generator.memory.table)})
        self.networks["anchor"] = anchor.requires_grad_(False)
        engine.place(self.networks)
        self.networks["average"] = averaged(generator, config.ema)
        self.frozen = FrozenFeatures(max(SEEN_SIDE, self.pixels))
        engine.place(self.frozen)
        self._prepare(generator)
        self._fix_shown(data)
        self.mixable = (generator.memory.prior > OPAQUE).nonzero()[:, 0]
        if not len(self.mixable):
            self.mixable = torch.arange(len(data), device=engine.device)
        self.phase = "stage I, reconstruction"

    def _prepare(self, generator: MemoryGenerator) -> None:
        config, engine, memory, decoder = self.config, self.engine, generator.memory, generator.decoder
        if config.stage == "2":
            for fixed in (decoder.stage1, memory.table):
                fixed.requires_grad_(False)
        trained = {
            "shape": self.networks["encoders"]["shape"],  # type: ignore[index]
            "color": self.networks["encoders"]["color"],  # type: ignore[index]
            "stage1": decoder.stage1,
            "shape_head": memory.shape_head,
            "color_head": memory.color_head,
            "table": memory.table,
            "discriminator": self.networks["discriminator"],
        }
        if decoder.stage2 is not None:
            trained["stage2"] = decoder.stage2
        self.trained: dict[str, Any] = {name: engine.prepare(network) for name, network in trained.items()}
        autoencoder = nn.ModuleList([decoder, self.networks["encoders"]])
        heads = nn.ModuleList([memory.shape_head, memory.color_head])
        betas = (config.beta1, config.beta2)
        self.optimizers = {
            "autoencoder": engine.adam(autoencoder, config.pretrain_lr, (0.9, 0.99)),
            "heads": engine.adam(heads, config.pretrain_lr, (0.9, 0.99)),
            "generator": engine.adam(decoder, config.generator_lr, betas, codes=(memory.table, config.codes_lr)),
            "discriminator": engine.adam(self.networks["discriminator"], config.discriminator_lr, betas),
        }

    def _describe(self, memory: Memory, data: Dataset) -> None:
        """Tell the memory the silhouettes of the pictures, and which of them are not to be mixed."""
        alpha = torch.cat(
            [
                F.interpolate(part[:, 3:].float() / 255, size=OUTLINE_SIDE, mode="area")
                for part in torch.split(data.pictures, 256)
            ]
        ).flatten(1)
        centered = alpha - alpha.mean(0)
        directions = torch.linalg.svd(centered, full_matrices=False)[2][:OUTLINE_DIM]
        outlines = F.normalize(centered @ directions.T, dim=1)
        memory.silhouettes[:, : outlines.shape[1]] = outlines
        seen: set[str] = set()
        for row, label in enumerate(data.labels):
            if alpha[row].mean() > 0.97:
                memory.prior[row] = OPAQUE
            elif label in seen:
                memory.prior[row] = SECOND
            seen.add(label)

    def _fix_shown(self, data: Dataset, count: int = 64) -> None:
        """Choose latents and texts that every grid shows: names, then texts that mix pictures."""
        generator = torch.Generator().manual_seed(0)  # the same in every run, whatever its seed
        latent = torch.randn(count, self.latent_dim, generator=generator)
        names = torch.linspace(0, len(data) - 1, count // 2).long()
        free = data.matches.free.cpu().nonzero()[:, 0]
        free = free[torch.linspace(0, max(0, len(free) - 1), count - count // 2).long()] if len(free) else free
        texts = torch.cat([data.embeddings[data.name_ids[names]], data.matches.embeddings[free]])
        self.fixed = latent[: len(texts)].to(self.engine.device), texts
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
        first, both = config.stage1_pretrain, config.stage1_pretrain + config.stage2_pretrain
        if epoch < both:
            for name in ("autoencoder", "heads"):
                set_rate(self.optimizers[name], config.pretrain_lr * annealed(epoch / both))
            self.phase = "stage I, reconstruction" if epoch < first else "stage II, reconstruction"
            return self.phase
        if epoch == both:
            self._begin_adversarial()
        share = max(LEAST_RATE, 0.5 ** ((epoch - both) / HALVING))
        rates = (config.generator_lr, config.codes_lr)
        for group, rate in zip(self.optimizers["generator"].param_groups, rates, strict=True):
            group["lr"] = rate * share
        set_rate(self.optimizers["discriminator"], config.discriminator_lr * max(share, 2 * LEAST_RATE))
        set_rate(self.optimizers["heads"], HEADS_RATE * config.pretrain_lr)
        self.phase = "adversarial"
        return self.phase

    def _begin_adversarial(self) -> None:
        """Go on from the averaged decoder; its pictures of the encoded codes become the anchor.

        Nothing is changed in a run that has an anchor: one that was interrupted in this epoch, or is evaluated.
        """
        anchor = cast(nn.ModuleDict, self.networks["anchor"])
        if cast(CodeTable, anchor["table"]).shapes.any():
            return
        if self.config.stage1_pretrain + self.config.stage2_pretrain:
            self.generator.memory.table.fill(self._encoded())
            self.generator.decoder.load_state_dict(self._averaged().decoder.state_dict())
        anchor["decoder"].load_state_dict(self.generator.decoder.state_dict())
        anchor["table"].load_state_dict(self.generator.memory.table.state_dict())
        average = self._averaged()
        average.memory.table.load_state_dict(self.generator.memory.table.state_dict())

    @torch.no_grad()
    def _encoded(self) -> Codes:
        """Encode all pictures."""
        encoders = self.networks["encoders"].eval()
        parts = []
        for indices in torch.split(torch.arange(len(self.pictures), device=self.engine.device), 128):
            small = self._small(self.pictures.fetch(indices))
            with self.engine.autocast():
                parts.append((encoders["shape"](small), encoders["color"](small)))  # type: ignore[index]
        encoders.train()
        shapes, colors = zip(*parts, strict=True)
        return Codes(torch.cat(shapes), torch.cat(colors))

    def _small(self, pictures: Tensor) -> Tensor:
        small = F.interpolate(pictures, size=(STAGE1_SIZE, STAGE1_SIZE), mode="area")
        return small.contiguous(memory_format=torch.channels_last)

    def _large(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-1] != self.pixels:
            pictures = F.interpolate(pictures, size=(self.pixels, self.pixels), mode="area")
        return pictures.contiguous(memory_format=torch.channels_last)

    def train_step(self, data: Dataset, indices: Tensor, step: int) -> Metrics:
        """One step of the autoencoder and the heads, or one of discriminator and generator."""
        parts = self.engine.parts(indices)
        if self.phase == "adversarial":
            metrics = self._adversarial_step(data, parts)
        else:
            metrics = self.engine.step(self.optimizers["autoencoder"], lambda part: self._autoencode(data, part), parts)
        rows = (rng.rand(TEXTS, 1, device=indices.device)[:, 0] * len(data.matches)).long()
        metrics |= self.engine.step(self.optimizers["heads"], lambda part: self._match(data, part), [rows])
        if self.engine.stepped:
            self._average.update_parameters(self.generator)
        return metrics

    def _autoencode(self, data: Dataset, indices: Tensor) -> Loss:
        """Reconstruct pictures, recolored, from their codes."""
        count, device = len(indices), self.engine.device
        large = jitter(data.fetch(indices), 0.4)
        both = torch.cat([large, large])
        colored = recolor(both, 0.4)
        seen, target = colored.chunk(2)
        same = rng.rand(count, 1, 1, 1, device=device) < 0.3
        seen = torch.where(same, target, seen)
        small = self._small(target)
        with self.engine.autocast():
            shape, color = self.trained["shape"](self._small(seen)), self.trained["color"](small)
            shape = shape + ENCODED_NOISE[0] * rng.randn(*shape.shape, device=device)
            color = color + ENCODED_NOISE[1] * rng.randn(*color.shape, device=device)
            drawn = self.trained["stage1"](shape, color)
            refined = self.trained["stage2"](drawn, color) if self.phase.startswith("stage II,") else None
        pictures = visible(drawn[1])
        reconstruction = reconstruction_loss(pictures, small)
        loss = reconstruction + edge_loss(pictures, small)
        metrics = {"reconstruction": reconstruction}
        if refined is not None:
            pictures, target = visible(refined), self._large(target)
            metrics["reconstruction2"] = reconstruction_loss(pictures, target)
            loss = loss + metrics["reconstruction2"] + edge_loss(pictures, target)
        return loss, metrics

    def _match(self, data: Dataset, rows: Tensor) -> Loss:
        """Cross-entropy of both heads with the soft targets of texts `rows`."""
        matches = data.matches
        with torch.no_grad():
            text = self.generator.memory.whitening(matches.embeddings[rows])
            text = text + TEXT_NOISE * rng.randn(*text.shape, device=text.device)
        metrics = {}
        for side, ids, weights in (
            ("shape", matches.shape_ids, matches.shape_weights),
            ("color", matches.color_ids, matches.color_weights),
        ):
            log = F.log_softmax(self.trained[f"{side}_head"](text), 1).gather(1, ids[rows])
            wanted = weights[rows]
            # Less the entropy of the target: 0 where the head has learned it.
            metrics[f"{side}_match"] = (wanted * (wanted.clamp(min=1e-9).log() - log)).sum(1).mean()
        return metrics["shape_match"] + metrics["color_match"], metrics

    def _adversarial_step(self, data: Dataset, indices: list[Tensor]) -> Metrics:
        parts = [self._part(data, part) for part in indices]
        alone = len(parts) == 1

        def discriminator_loss(part: Part) -> Loss:
            # One part's graph serves both networks; of several, only one at a time is held in memory.
            with torch.set_grad_enabled(alone):
                fake = self._fake(part)
            part.fake = fake if alone else None
            with torch.no_grad(), self.engine.autocast():
                real = self.frozen(on_some_ground(augment(part.real)))
            with self.engine.autocast():
                scores = self.trained["discriminator"](
                    [torch.cat([r, f.detach()]) for r, f in zip(real, fake[2], strict=True)]
                )
            good, bad = scores.chunk(2)
            loss = F.relu(1 - good).mean() + F.relu(1 + bad).mean()
            return loss, {"discriminator": loss}

        metrics = self.engine.step(self.optimizers["discriminator"], discriminator_loss, parts)
        critic = self.networks["discriminator"].requires_grad_(False)
        metrics |= self.engine.step(self.optimizers["generator"], self._generator_loss, parts)
        critic.requires_grad_(True)
        return metrics

    def _part(self, data: Dataset, indices: Tensor) -> Part:
        """Draw the mixes of a step and what the autoencoder makes of them."""
        device = self.engine.device
        count = max(1, len(indices) // 2)
        own = indices[:count]
        real = self.mixable[(rng.rand(2 * count, 1, device=device)[:, 0] * len(self.mixable)).long()]
        free = data.matches.free.nonzero()[:, 0]
        free = free if len(free) else torch.arange(len(data.matches), device=device)
        rows = free[(rng.rand(count, 1, device=device)[:, 0] * len(free)).long()]
        latent = rng.randn(count, self.latent_dim, device=device)
        anchor, memory = cast(nn.ModuleDict, self.networks["anchor"]), self.generator.memory
        with torch.no_grad():
            choice = memory.choose(latent, data.matches.embeddings[rows])
            mixed = memory.noisy(memory.table.blend(choice), latent)
            anchor.eval()
            with self.engine.autocast():
                drawn = anchor["decoder"](cast(CodeTable, anchor["table"]).blend(choice))
        anchored = visible(drawn[0] if drawn[1] is None else drawn[1])
        return Part(own, self._large(data.fetch(own)), self._large(data.fetch(real)), mixed, anchored)

    def _fake(self, part: Part) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Draw a picture from each of half of the pictures' own codes, then the mixes."""
        own: Codes = self.trained["table"](part.own)
        device = self.engine.device
        shape = own.shape + NAMED_NOISE[0] * rng.randn(*own.shape.shape, device=device)
        color = own.color + NAMED_NOISE[1] * rng.randn(*own.color.shape, device=device)
        shape = torch.cat([shape, part.mixed.shape]).contiguous(memory_format=torch.channels_last)
        color = torch.cat([color, part.mixed.color])
        with self.engine.autocast():
            drawn = self.trained["stage1"](shape, color)
            small = visible(drawn[1])
            large = visible(self.trained["stage2"](drawn, color)) if "stage2" in self.trained else small
            maps = self.frozen(on_some_ground(augment(large)))
        return small, large, maps

    def _generator_loss(self, part: Part) -> Loss:
        """Scores of the discriminator, reconstruction of the pictures' own codes, and the anchor of the mixes."""
        small, large, maps = part.fake or self._fake(part)
        config, count = self.config, len(part.mixed.shape)
        with self.engine.autocast():
            metrics = {"generator": -self.networks["discriminator"](maps).mean()}
        metrics["reconstruction"] = reconstruction_loss(large[:-count], part.target)
        loss = metrics["generator"] + config.reconstruction * metrics["reconstruction"]
        mixed, scale = large[-count:], self.pixels // STAGE1_SIZE
        anchor = sum(
            F.l1_loss(F.avg_pool2d(mixed, side), F.avg_pool2d(part.anchored, side)) for side in (4 * scale, 8 * scale)
        )
        metrics["anchor"] = cast(Tensor, anchor)
        metrics["chroma"] = F.l1_loss(_chroma(mixed), _chroma(part.anchored))
        loss = loss + config.anchor * metrics["anchor"] + config.chroma * metrics["chroma"]
        if scale > 1 and config.stage != "2":
            # Stage I is what stage II draws, made smaller; nothing else holds its mixes.
            metrics["stage1"] = F.l1_loss(small, F.avg_pool2d(large.detach(), scale))
            loss = loss + config.reconstruction * metrics["stage1"]
        return loss, metrics

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
        average, device = self._averaged().eval(), self.engine.device
        with self.engine.autocast():
            small, large = average(latent.to(device), text.to(device))
        return as_rgba(visible(small if large is None or self.phase.startswith("stage I,") else large))

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid; the memory holds what the encoders see now, until it is trained itself."""
        if self.phase != "adversarial":
            self._averaged().memory.table.fill(self._encoded())
        return grid(self.generate(*self.fixed))


def _chroma(pictures: Tensor) -> Tensor:
    color = pictures[:, :3]
    return color - color.mean(1, keepdim=True)
