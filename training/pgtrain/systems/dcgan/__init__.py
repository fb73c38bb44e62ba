"""DCGAN: pictures from noise (Radford et al., 2016, arXiv:1511.06434).

The original recipe: transposed convolutions of width 512 to 64, batch norm, binary cross-entropy, RGB on
white. The default recipe upsamples and convolves, draws RGBA, first learns to reconstruct, and then plays
with hinge loss, lazy R1, differentiable augmentation and an averaged generator, because 1,000 pictures are few.
"""
