"""The averaged generator of a run, or of a bundle, rebuilt from its configuration and weights."""

from pgtrain.engine.checkpoint import Position
from pgtrain.systems.base import Architecture, Weights
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.memory_generator import MemoryGenerator
from pgtrain.systems.stackgan.original import LATENT_DIM, OriginalGenerator


def rebuild(config: StackGANConfig, weights: Weights, position: Position | None = None) -> Architecture:
    """Rebuild the generator that `weights` are of; without stage II if that was never trained.

    Raises:
        KeyError: they are not of the generator that `config` names.
    """
    return (_memory if config.generator == "memory" else _original)(config, weights, position)


def _original(config: StackGANConfig, weights: Weights, position: Position | None) -> Architecture:
    text_dim = weights["stage1.augmentation.linear.weight"].shape[1]
    generator = OriginalGenerator(config, text_dim)
    if not _has_stage2(weights, "stage2.", config.stage1_epochs, position):
        generator.stage2 = None
    return Architecture(generator, LATENT_DIM, text_dim)


def _memory(config: StackGANConfig, weights: Weights, position: Position | None) -> Architecture:
    whitened_dim, text_dim = weights["memory.whitening.linear.weight"].shape
    generator = MemoryGenerator(config, text_dim, whitened_dim, weights["memory.draws"].shape[1])
    if not _has_stage2(weights, "decoder.stage2.", config.stage1_epochs, position):
        generator.decoder.stage2 = None
    # Keys are stored scaled, and constants that are 0 are left out of a graph.
    zeros = (
        *("memory.whitening.linear.bias", "memory.prior", "memory.partner"),
        *("memory.shape_head.scale", "memory.color_head.scale"),
    )
    return Architecture(generator, generator.memory.size.latent_dim, text_dim, zeros)


def _has_stage2(weights: Weights, prefix: str, stage1_epochs: int, position: Position | None) -> bool:
    """Tell whether there are weights of stage II that a step has trained."""
    trained = position is None or (position.epoch, position.step) > (stage1_epochs, 0)
    return trained and any(name.startswith(prefix) for name in weights)
