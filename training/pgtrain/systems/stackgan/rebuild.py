"""The averaged generator of a run, or of a bundle, rebuilt from its configuration and weights."""

from torch import Tensor

from pgtrain.engine.checkpoint import Position
from pgtrain.systems.base import Architecture, Weights
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.memory_gan import MemoryGenerator
from pgtrain.systems.stackgan.networks import Generator


class BothStages(Generator):
    """The conditional generator, called as the memory's is: without a stage, and for the pictures of both."""

    def forward(self, latent: Tensor, text: Tensor) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
        """Map latents (N, L) and text embeddings (N, D) to the logits of stage I and, if there is one, stage II."""
        whitened = self.whitening(text)
        small, _ = self.stage1(latent, whitened)
        return small, None if self.stage2 is None else self.stage2(small, latent, whitened)[0]


def rebuild(config: StackGANConfig, weights: Weights, position: Position | None = None) -> Architecture:
    """Rebuild the generator that `weights` are of; without stage II if that was never trained.

    Raises:
        KeyError: they are of neither generator.
    """
    return (_memory if "memory.draws" in weights else _conditional)(config, weights, position)


def _conditional(config: StackGANConfig, weights: Weights, position: Position | None) -> Architecture:
    whitened_dim, text_dim = weights["whitening.linear.weight"].shape
    generator = BothStages(config, text_dim, whitened_dim)
    if not _has_stage2(weights, "stage2.", config.stage1_epochs, position):
        generator.stage2 = None
    return Architecture(generator, config.latent_dim, text_dim, ("whitening.linear.bias",))


def _memory(config: StackGANConfig, weights: Weights, position: Position | None) -> Architecture:
    whitened_dim, text_dim = weights["memory.whitening.linear.weight"].shape
    generator = MemoryGenerator(config, text_dim, whitened_dim, weights["memory.draws"].shape[1])
    if not _has_stage2(weights, "decoder.stage2.", config.stage1_pretrain, position):
        generator.decoder.stage2 = None
    # Keys are stored scaled, and constants that are 0 are left out of a graph.
    zeros = ("memory.whitening.linear.bias", "memory.prior", "memory.shape_head.scale", "memory.color_head.scale")
    return Architecture(generator, generator.memory.size.latent_dim, text_dim, zeros)


def _has_stage2(weights: Weights, prefix: str, stage1_epochs: int, position: Position | None) -> bool:
    """Tell whether there are weights of stage II that a step has trained."""
    trained = position is None or (position.epoch, position.step) > (stage1_epochs, 0)
    return trained and any(name.startswith(prefix) for name in weights)
