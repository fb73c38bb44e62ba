"""StackGAN: text to a 64x64 picture (stage I), refined to 128x128 or 256x256 (stage II).

The default (:mod:`pgtrain.systems.stackgan.memory_gan`) reads a memory of the training pictures. ``--recipe original``
(:mod:`pgtrain.systems.stackgan.original_gan`) follows the original system, which is close to Zhang et al., 2017
(arXiv:1612.03242): conditioning augmentation without a KL term, two stages, and a loss on matched and mismatched text.
"""
