"""StackGAN: text to a 64x64 picture (stage I), refined to 128x128 or 256x256 (stage II).

After Zhang et al., 2017 (arXiv:1612.03242): conditioning augmentation with its KL term, two stages, and a
loss on matched and mismatched text. What differs, because 1,000 pictures are few: pictures are RGBA, text
is whitened, each stage first learns to reconstruct the artwork from its text, the discriminator is a
projection discriminator (Miyato and Koyama, 2018, arXiv:1802.05637) with hinge loss, lazy R1
(Mescheder et al., 2018, arXiv:1801.04406) and differentiable augmentation, and reconstruction stays in
the generator's loss while it plays against the discriminator. A stage can be trained alone.

The original recipe (:mod:`pgtrain.systems.stackgan.original`) has neither KL term nor whitening nor reconstruction:
transposed convolutions, a dense stage II, cross-entropy, RGB on white. Mended: it learns from every picture,
its discriminator reads the text and sees mismatched ones, and a seed fixes every draw.
"""

from typing import Any


def build(config: Any, engine: Any, data: Any) -> Any:
    """Make the system that ``config.generator`` names."""
    from pgtrain.systems.stackgan.memory_gan import MemoryStackGAN
    from pgtrain.systems.stackgan.system import StackGAN

    return (MemoryStackGAN if config.generator == "memory" else StackGAN)(config, engine, data)


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
