"""WGAN: a critic that is a Lipschitz function, held so by a gradient penalty or by clipping its weights.

Arjovsky et al., 2017 (arXiv:1701.07875) clip; Gulrajani et al., 2017 (arXiv:1704.00028) penalise. The
original recipe draws 128x128 RGB on white with transposed convolutions of kernel 5. The default draws
RGBA, upsamples and convolves, first learns to reconstruct, augments what the critic sees, and averages the generator.
"""
