"""The default generator of stackgan: a memory, which reads codes for texts, and the decoder of these codes."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgtrain.data.matches import Matches
from pgtrain.engine import rng
from pgtrain.engine.accelerator import Loss
from pgtrain.models.memory import LATENT_DIM, OUTLINE_DIM, SHARES, Memory
from pgtrain.systems.stackgan.config import STAGE1_SIZE, StackGANConfig
from pgtrain.systems.stackgan.decoder import Decoder

OUTLINE_SIDE = 16
"""Pixels a side that silhouettes are compared at."""

TEXT_NOISE = 0.3
"""Deviation of the noise on the whitened texts that the heads learn from."""

OPAQUE, SECOND = -8.0, -0.7
"""Priors of pictures with an opaque background, which are hardly ever mixed, and of a name's further pictures."""


class MemoryGenerator(nn.Module):
    """Text and latent to pictures: memory, stage I, stage II."""

    def __init__(self, config: StackGANConfig, text_dim: int, whitened_dim: int, pictures: int) -> None:
        super().__init__()
        self.memory = Memory(text_dim, whitened_dim, pictures)
        self.decoder = Decoder(config.width, STAGE1_SIZE if config.stage == "1" else config.size)

    @property
    def further_inputs(self) -> dict[str, int]:
        """Names and widths of the inputs of :meth:`forward` after latent and text; zeros are the default."""
        text = self.memory.whitening.linear.in_features
        second = {"second_latent": LATENT_DIM, "second_text": text, "second_color_text": text}
        return {"color_text": text} | second | {"share": SHARES}

    def forward(self, latent: Tensor, text: Tensor, *further: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map latents, text embeddings and `further` inputs, as :meth:`Memory.forward` has them, to logits.

        Those of stage I are (N, 4, 64, 64), those of stage II (N, 4, S, S), or None without a stage II.
        """
        drawn: tuple[Tensor, Tensor | None] = self.decoder(self.memory(latent, text, *further))
        return drawn


@torch.no_grad()
def describe(memory: Memory, pictures: Tensor, labels: Sequence[str]) -> None:
    """Store what `memory` knows of `pictures`, uint8 (M, 4, S, S): silhouettes, priors, and partners of equal label."""
    parts = (part[:, 3:].float() / 255 for part in torch.split(pictures, 256))
    alpha = torch.cat([F.interpolate(part, size=OUTLINE_SIDE, mode="area") for part in parts]).flatten(1)
    centered = alpha - alpha.mean(0)
    directions = torch.linalg.svd(centered, full_matrices=False)[2][:OUTLINE_DIM]
    outlines = F.normalize(centered @ directions.T, dim=1)
    memory.silhouettes[:, : outlines.shape[1]] = outlines
    rows_of: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows = rows_of.setdefault(label, [])
        if alpha[row].mean() > 0.97:
            memory.prior[row] = OPAQUE
        elif rows:
            memory.prior[row] = SECOND
        rows.append(row)
    for rows in rows_of.values():
        memory.partner[rows] = torch.tensor([*rows[1:], rows[0]], device=memory.partner.device)


def match_loss(memory: Memory, heads: Mapping[str, nn.Module], matches: Matches, rows: Tensor) -> Loss:
    """Cross-entropy of both heads, as `heads` has them for training, with the soft targets of texts `rows`."""
    with torch.no_grad():
        text = memory.whitening(matches.embeddings[rows])
        text = text + TEXT_NOISE * rng.randn(*text.shape, device=text.device)
    metrics = {}
    for side, ids, weights in (
        ("shape", matches.shape_ids, matches.shape_weights),
        ("color", matches.color_ids, matches.color_weights),
    ):
        log = F.log_softmax(heads[f"{side}_head"](text), 1).gather(1, ids[rows])
        target = weights[rows]
        # Less the entropy of the target: 0 where the head has learned it.
        metrics[f"{side}_match"] = (target * (target.clamp(min=1e-9).log() - log)).sum(1).mean()
    return metrics["shape_match"] + metrics["color_match"], metrics
