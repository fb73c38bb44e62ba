"""What GANs without text share: white ground for RGB, the averaged generator, fixed latents and its samples."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pgtrain.augment import augment
from pgtrain.dataset import Pictures
from pgtrain.engine import Engine
from pgtrain.ground import as_rgba, grounded, visible
from pgtrain.pictures import grid
from pgtrain.system import Metrics

SHOWN = 64
"""Pictures in the grid of every epoch."""


def halving_widths(size: int, width: int) -> list[int]:
    """List the channels of the doublings that lead to `size`, deepest first: at most 8 times `width`, down to it."""
    levels = size.bit_length() - 3
    return [width * min(8, 2**level) for level in reversed(range(levels))]


class Unconditional:
    """A generator of `latent_dim` numbers and a critic, each stepped once by :meth:`train_step`.

    Pictures are RGBA (4 channels, premultiplied) or RGB on white (3 channels), in 0..1 throughout.
    Subclasses give the losses.
    """

    name: str

    def __init__(self, config: Any, engine: Engine, generator: nn.Module, critic: nn.Module) -> None:
        self.config, self.engine = config, engine
        self.networks = nn.ModuleDict({"generator": generator, "critic": critic})
        engine.place(self.networks)
        average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self.networks["average"] = AveragedModel(generator, multi_avg_fn=average, use_buffers=True)
        fixed = torch.Generator().manual_seed(0)  # the same grid in every run, whatever its seed
        self.fixed = torch.randn(SHOWN, config.latent_dim, generator=fixed).to(engine.device)
        self.optimizers: dict[str, Any] = {}

    def start_epoch(self, epoch: int) -> str:
        """Name the only phase."""
        return "adversarial"

    def train_step(self, data: Pictures, indices: Tensor, step: int) -> Metrics:
        """Update the critic, and the generator every ``config.critic_steps`` steps."""
        pictures = F.interpolate(data.pictures[indices].float() / 255, size=(self.config.size,) * 2, mode="area")
        real = self._ground(pictures).contiguous(memory_format=torch.channels_last)
        metrics = self.train_critic(self._augmented(real), len(real), step)
        if step % self.config.critic_steps == self.config.critic_steps - 1:
            metrics |= self._train_generator(len(real))
        return {name: value.detach() for name, value in metrics.items()}

    def train_critic(self, real: Tensor, count: int, step: int) -> Metrics:
        """Update the critic on augmented `real` pictures (N, C, S, S) and `count` generated ones."""
        raise NotImplementedError

    def generator_loss(self, scores: Tensor) -> Tensor:
        """Reduce the critic's float32 scores (N,) of generated pictures to the generator's loss ()."""
        raise NotImplementedError

    def draw(self, count: int) -> Tensor:
        """Generate `count` augmented pictures (N, C, S, S)."""
        latent = torch.randn(count, self.config.latent_dim, device=self.engine.device)
        with self.engine.autocast():
            logits = self.networks["generator"](latent)
        return self._augmented(self._visible(logits))

    def score(self, pictures: Tensor) -> Tensor:
        """Score pictures (N, C, S, S) with the critic: float32 (N,)."""
        with self.engine.autocast():
            scores: Tensor = self.networks["critic"](pictures)
        return scores.float()

    def _train_generator(self, count: int) -> Metrics:
        critic = self.networks["critic"].requires_grad_(False)
        loss = self.generator_loss(self.score(self.draw(count)))
        self.engine.step(self.optimizers["generator"], loss)
        critic.requires_grad_(True)
        cast(AveragedModel, self.networks["average"]).update_parameters(self.networks["generator"])
        return {"generator": loss}

    def _visible(self, logits: Tensor) -> Tensor:
        return visible(logits)

    def _ground(self, pictures: Tensor) -> Tensor:
        return grounded(pictures, self.config.channels)

    def _augmented(self, pictures: Tensor) -> Tensor:
        return augment(pictures) if self.config.augment else pictures

    @property
    def latent_dim(self) -> int:
        """Numbers that a latent has."""
        return int(self.config.latent_dim)

    @torch.no_grad()
    def generate(self, latent: Tensor, text: Tensor | None = None) -> Tensor:
        """Draw latents (N, L) with the averaged generator: premultiplied RGBA, float (N, 4, S, S) in 0..1."""
        average = self.networks["average"].eval()
        with self.engine.autocast():
            pictures = self._visible(average(latent.to(self.engine.device)))
        return as_rgba(pictures)

    def progress(self) -> Image.Image:
        """Draw the fixed latents as a grid."""
        return grid(self.generate(self.fixed))
