"""Islands: pieces of alpha that are not connected to the body."""

import numpy as np
from torch import Tensor

LEAST = 0.01
"""Area of a piece, as a share of the body's, from which it counts."""

VISIBLE = 128
"""Alpha, of 255, from which a pixel belongs to a piece."""


def islands(pictures: Tensor) -> float:
    """Share of pictures whose alpha has a loose piece of more than LEAST of the largest one.

    Args:
        pictures: premultiplied RGBA, uint8 (N, 4, S, S). Pixels that touch at a corner are connected.
    """
    from scipy import ndimage

    count = 0
    for alpha in pictures[:, 3].cpu().numpy():
        labels, pieces = ndimage.label(alpha >= VISIBLE, np.ones((3, 3)))
        areas = np.bincount(labels.ravel())[1 : pieces + 1]
        count += int((areas > LEAST * areas.max()).sum() > 1) if pieces else 0
    return count / len(pictures)
