"""WGAN: a critic that is a Lipschitz function, by a gradient penalty or by clipping its weights.

Arjovsky et al., 2017 (arXiv:1701.07875) clip; Gulrajani et al., 2017 (arXiv:1704.00028) penalize. The
original recipe draws 128x128 RGB on white with transposed convolutions of kernel 5. The default draws
RGBA at 64x64, upsamples and convolves, first learns to reconstruct, augments what the critic sees, averages the
generator, and has a critic that learns five times as fast instead of stepping more often.
"""
