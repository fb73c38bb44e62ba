"""The entry points that the registry names: the system of either recipe, its footprint, its rebuilt generator."""

import torch

from pgtrain.data.dataset import Dataset
from pgtrain.engine.accelerator import Accelerator
from pgtrain.engine.checkpoint import Position
from pgtrain.engine.footprint import Call
from pgtrain.models.memory import COLOR_DIM, LATENT_DIM, SHAPE_DIM, SIDE, Codes
from pgtrain.systems.base import Architecture, Weights
from pgtrain.systems.stackgan import original
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.decoder import Decoder
from pgtrain.systems.stackgan.memory_gan import MemoryStackGAN
from pgtrain.systems.stackgan.memory_generator import MemoryGenerator
from pgtrain.systems.stackgan.original_gan import OriginalStackGAN

ZEROS = (
    *("memory.whitening.linear.bias", "memory.prior", "memory.partner"),
    *("memory.shape_head.scale", "memory.color_head.scale"),  # keys are stored scaled
)
"""Weights of the memory that an exporter may leave out: constants that are 0."""


def build(config: StackGANConfig, accelerator: Accelerator, data: Dataset) -> MemoryStackGAN | OriginalStackGAN:
    """Make the system that ``config.generator`` names."""
    return (MemoryStackGAN if config.generator == "memory" else OriginalStackGAN)(config, accelerator, data)


def footprint(config: StackGANConfig, examples: int) -> list[Call]:
    """Make the decoder, which has most weights and activations, and codes for it."""
    if config.generator != "memory":
        return []
    codes = Codes(torch.empty(examples, SHAPE_DIM, SIDE, SIDE), torch.empty(examples, COLOR_DIM))
    pixels = STAGE1_SIZE if config.stage == "1" else config.size
    return [Call(Decoder(config.width, pixels), (codes,))]


def rebuild(config: StackGANConfig, weights: Weights, position: Position | None = None) -> Architecture:
    """Rebuild the generator that `weights` are of; without stage II where that was never trained.

    Raises:
        KeyError: they are not of the generator that `config` names.
    """
    trained = position is None or (position.epoch, position.step) > (config.stage1_epochs, 0)
    both = trained and any(name.startswith(("stage2.", "decoder.stage2.")) for name in weights)
    if config.generator == "memory":
        whitened_dim, text_dim = weights["memory.whitening.linear.weight"].shape
        memory = MemoryGenerator(config, text_dim, whitened_dim, weights["memory.draws"].shape[1])
        if not both:
            memory.decoder.stage2 = None
        return Architecture(memory, LATENT_DIM, text_dim, ZEROS)
    text_dim = weights["stage1.augmentation.linear.weight"].shape[1]
    generator = original.OriginalGenerator(config, text_dim)
    if not both:
        generator.stage2 = None
    return Architecture(generator, original.LATENT_DIM, text_dim)
