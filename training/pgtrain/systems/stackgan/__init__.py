"""StackGAN: text to a 64x64 picture (stage I), refined to 128x128 or 256x256 (stage II).

The default (:mod:`pgtrain.systems.stackgan.memory_gan`) reads a memory of the training pictures. ``--recipe original``
(:mod:`pgtrain.systems.stackgan.original_gan`) follows the original system, which is close to Zhang et al., 2017
(arXiv:1612.03242): conditioning augmentation without a KL term, two stages, and a loss on matched and mismatched text.
"""

from typing import Any


def build(config: Any, accelerator: Any, data: Any) -> Any:
    """Make the system that ``config.generator`` names."""
    from pgtrain.systems.stackgan.memory_gan import MemoryStackGAN
    from pgtrain.systems.stackgan.original_gan import OriginalStackGAN

    return (MemoryStackGAN if config.generator == "memory" else OriginalStackGAN)(config, accelerator, data)


def footprint(config: Any, examples: int) -> Any:
    """Make the decoder, which has most weights and activations, and codes for it."""
    import torch

    from pgtrain.engine.footprint import Call
    from pgtrain.models.memory import SIDE, Codes, CodeSize
    from pgtrain.systems.stackgan.config import STAGE1_SIZE
    from pgtrain.systems.stackgan.decoder import Decoder

    if config.generator != "memory":
        return []
    size = CodeSize()
    codes = Codes(torch.empty(examples, size.shape, SIDE, SIDE), torch.empty(examples, size.color))
    pixels = STAGE1_SIZE if config.stage == "1" else config.size
    return [Call(Decoder(config.width, config.channels, pixels, size), (codes,))]
