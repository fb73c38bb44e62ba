"""What one step of the adversarial phase sees, and what mixes must stay close to."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pgtrain.models.memory import Codes
from pgtrain.systems.stackgan.config import STAGE1_SIZE


@dataclass
class MemoryBatch:
    """What one forward and backward pass of the adversarial phase sees.

    `own` int64 (N / 2,) are pictures that are drawn from their own codes, and `target` what they look like; `mixed` are
    codes of N / 2 mixes. `draws` decide how the discriminator sees the N fakes; `real` is what it sees of N real
    pictures; the first half are the targets, seen as what was drawn of them. `anchored` is what mixes must stay close
    to: in stage I the autoencoder's picture of them, in stage II that of stage I, which comes with the fake. `fake` is
    set once the generator ran: premultiplied RGBA, and what the discriminator sees of it.
    """

    own: Tensor
    target: Tensor
    mixed: Codes
    draws: Tensor
    real: list[Tensor]
    anchored: Tensor | None = None
    fake: tuple[Tensor, list[Tensor]] | None = None


def layout_distance(drawn: Tensor, anchored: Tensor) -> Tensor:
    """L1 between pictures (N, C, S, S) pooled to 16x16 and to 8x8 places: ()."""
    scale = drawn.shape[-1] // STAGE1_SIZE
    sides = (4 * scale, 8 * scale)
    distances = [F.l1_loss(F.avg_pool2d(drawn, side), F.avg_pool2d(anchored, side)) for side in sides]
    return torch.stack(distances).sum()


def chroma_distance(drawn: Tensor, anchored: Tensor) -> Tensor:
    """L1 between the colors of pictures (N, C, S, S), each less its mean over red, green and blue: ()."""
    return F.l1_loss(_chroma(drawn), _chroma(anchored))


def _chroma(pictures: Tensor) -> Tensor:
    color = pictures[:, :3]
    return color - color.mean(1, keepdim=True)
