"""Base of the GANs without text: steps, losses of reconstruction, the averaged generator and its samples."""

from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from pgtrain.data.dataset import Pictures
from pgtrain.data.images import grid
from pgtrain.engine import rng
from pgtrain.engine.accelerator import Accelerator, Loss
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.ema import averaged
from pgtrain.engine.footprint import Call
from pgtrain.engine.system import Metrics
from pgtrain.models.augment import augment
from pgtrain.models.compositing import as_rgba, on_white, visible
from pgtrain.models.reconstruction import reconstruction_loss
from pgtrain.systems.base import Architecture, Weights

SHOWN = 64
"""Pictures in the grid of every epoch."""

BLUR = 0.3
"""Deviation of the noise on a picture's code: near codes draw near pictures. Code and noise have variance 1."""


def halving_widths(size: int, width: int) -> list[int]:
    """List the channels of the doublings that lead to `size`, deepest first: at most 8 times `width`, down to it."""
    levels = size.bit_length() - 3  # 4 for 64 as for 96, whose coarsest side is 6 instead of 4
    return [width * min(8, 2**level) for level in reversed(range(levels))]


def doubling(blocks: str, channels_in: int, channels_out: int, kernel: int, bias: bool = False) -> list[nn.Module]:
    """Make layers that double the resolution.

    With `blocks` "upsample" nearest-neighbor upsampling and a 3x3 convolution, with "transposed" a transposed
    convolution of `kernel`.
    """
    if blocks == "upsample":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=bias)]
    padding, output_padding = (kernel - 1) // 2, kernel % 2
    return [nn.ConvTranspose2d(channels_in, channels_out, kernel, 2, padding, output_padding, bias=bias)]


class Unconditional:
    """A generator of `latent_dim` numbers and its opponent, a discriminator or a critic.

    In the first ``config.pretrain`` epochs the generator learns to draw each picture from a fixed code of its own
    (Bojanowski et al., 2018, arXiv:1707.05776, who learn the codes too): 1,000 pictures are too few for an opponent to
    teach it silhouettes, and a generator that begins with a blank picture hardly leaves it.

    Pictures are RGBA (4 channels, premultiplied) or RGB on white (3 channels), in 0..1 throughout.
    Subclasses implement the losses.
    """

    name: str
    opponent = "discriminator"
    """Name of the network that scores pictures, in messages, metrics and checkpoints."""

    def __init__(
        self,
        config: Any,
        accelerator: Accelerator,
        data: Pictures,
        generator: nn.Module,
        opponent: nn.Module,
        opponent_steps: int,
    ) -> None:
        self.config, self.accelerator, self.opponent_steps = config, accelerator, opponent_steps
        self.latent_dim: int = config.latent_dim
        self.networks = nn.ModuleDict({"generator": generator, self.opponent: opponent})
        accelerator.place(self.networks)
        self.average = self.networks["average"] = averaged(generator, config.ema)
        fixed = torch.Generator().manual_seed(0)  # the same grid in every run, whatever its seed
        self.trained = {name: accelerator.prepare(self.networks[name]) for name in ("generator", self.opponent)}
        self.fixed = torch.randn(SHOWN, self.latent_dim, generator=fixed).to(accelerator.device)
        codes = torch.Generator().manual_seed(1)  # the same in every run, so that no checkpoint need hold them
        self.codes = torch.randn(len(data), self.latent_dim, generator=codes).to(accelerator.device)
        self.optimizers: dict[str, Any] = {}
        if config.pretrain:
            self.optimizers["pretrain"] = accelerator.adam(generator, config.pretrain_lr, (0.9, 0.99))
        self.pretraining, self.whole_pixels = False, data.options.whole_pixels

    def start_epoch(self, epoch: int) -> str:
        """Choose the phase of `epoch`."""
        self.pretraining = epoch < self.config.pretrain
        return "reconstruction" if self.pretraining else "adversarial"

    def train_step(self, data: Pictures, indices: Tensor, step: int) -> Metrics:
        """Reconstruct, or update the opponent and, after every `opponent_steps` of its steps, the generator."""
        parts = self.accelerator.parts(indices)
        if self.pretraining:
            return self._reconstruct(data, parts)
        metrics = self.train_opponent(data, parts, step)
        if step % self.opponent_steps == self.opponent_steps - 1:
            metrics |= self._train_generator(parts)
        return metrics

    def _reconstruct(self, data: Pictures, parts: list[Tensor]) -> Metrics:
        def loss(part: Tensor) -> Loss:
            code, noise = self.codes[part], rng.randn(len(part), self.latent_dim, device=self.accelerator.device)
            with self.accelerator.autocast():
                logits = self.trained["generator"]((1 - BLUR**2) ** 0.5 * code + BLUR * noise)
            value = reconstruction_loss(visible(logits), self.pictures(data, part))
            return value, {"reconstruction": value}

        metrics = self.accelerator.step(self.optimizers["pretrain"], loss, parts)
        self._update_average()
        return metrics

    def train_opponent(self, data: Pictures, parts: list[Tensor], step: int) -> Metrics:
        """Update the opponent on the pictures at the indices of `parts` and on as many generated ones."""

        def loss(part: Tensor) -> Loss:
            real = self._augmented(self.pictures(data, part))
            with torch.no_grad():
                fake = self.draw(len(real))
            return self.opponent_loss(real, fake, step)

        return self.accelerator.step(self.optimizers[self.opponent], loss, parts)

    def opponent_loss(self, real: Tensor, fake: Tensor, step: int) -> Loss:
        """Compute the opponent's loss on augmented pictures (N, C, S, S), real and generated."""
        raise NotImplementedError

    def generator_loss(self, scores: Tensor) -> Tensor:
        """Reduce the opponent's float32 scores (N,) of generated pictures to the generator's loss ()."""
        raise NotImplementedError

    def draw(self, count: int) -> Tensor:
        """Generate `count` augmented pictures (N, C, S, S)."""
        latent = rng.randn(count, self.latent_dim, device=self.accelerator.device)
        with self.accelerator.autocast():
            logits = self.trained["generator"](latent)
        return self._augmented(visible(logits))

    def pictures(self, data: Pictures, indices: Tensor) -> Tensor:
        """Take the pictures at `indices`: (N, C, S, S)."""
        pictures = F.interpolate(data.fetch(indices), size=(self.config.size,) * 2, mode="area")
        pictures = pictures if self.config.channels == 4 else on_white(pictures)
        return pictures.contiguous(memory_format=torch.channels_last)

    def score(self, opponent: nn.Module, pictures: Tensor) -> Tensor:
        """Score pictures (N, C, S, S) with `opponent`: float32 (N,)."""
        with self.accelerator.autocast():
            scores: Tensor = opponent(pictures)
        return scores.float()

    def _train_generator(self, parts: list[Tensor]) -> Metrics:
        opponent = self.networks[self.opponent].requires_grad_(False)

        def loss(part: Tensor) -> Loss:
            value = self.generator_loss(self.score(opponent, self.draw(len(part))))
            return value, {"generator": value}

        metrics = self.accelerator.step(self.optimizers["generator"], loss, parts)
        opponent.requires_grad_(True)
        self._update_average()
        return metrics

    def _update_average(self) -> None:
        if self.accelerator.stepped:
            self.average.update_parameters(self.networks["generator"])

    def _augmented(self, pictures: Tensor) -> Tensor:
        return augment(pictures, whole_pixels=self.whole_pixels) if self.config.augment else pictures

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor | None = None) -> Tensor:
        """Draw latents (N, L) with the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1."""
        with self.accelerator.autocast():
            pictures = visible(self.average.eval()(latent.to(self.accelerator.device)))
        return as_rgba(pictures)

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid."""
        return grid(self.generate(self.fixed))


def footprint(generator: type[nn.Module], opponent: type[nn.Module], config: Any, examples: int) -> list[Call]:
    """Make the networks, and inputs for them."""
    pictures = torch.empty(examples, config.channels, config.size, config.size)
    latent = torch.empty(examples, config.latent_dim)
    return [Call(generator(config), (latent,)), Call(opponent(config), (pictures,))]


def rebuild(
    generator: type[nn.Module], config: Any, weights: Weights, position: Position | None = None
) -> Architecture:
    """Rebuild the generator of a run."""
    return Architecture(generator(config), config.latent_dim)
