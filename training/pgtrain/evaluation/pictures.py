"""Judge what a picture GAN draws, beside the artwork that it was trained on."""

from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from pgtrain.dataset import Dataset, Pictures
from pgtrain.evaluation import figures
from pgtrain.evaluation.features import Extractor
from pgtrain.ground import on_white
from pgtrain.pictures import grid

SHOWN = 12
"""Samples whose nearest training pictures are drawn."""
PROMPTS, SEEDS = 32, 8
"""Names, and pictures of each, that diversity over seeds is measured on."""
CHUNK = 32


class PictureSystem(Protocol):
    """What is asked of a system that draws."""

    latent_dim: int

    def generate(self, latent: Tensor, text: Tensor | None) -> Tensor:
        """Draw premultiplied RGBA, float (N, 4, S, S) in 0..1, with the averaged generator."""


class Judged(NamedTuple):
    """Figures by name, and the pictures to look at by file name."""

    figures: dict[str, Any]
    pictures: dict[str, Image.Image]


def judge(system: PictureSystem, data: Pictures, extract: Extractor, samples: int, seed: int) -> Judged:
    """Draw `samples` pictures and measure them; those of a text GAN are asked for by name, each name in turn."""
    texts = data.embeddings[data.name_ids] if isinstance(data, Dataset) else None
    asked = _evenly(len(data), samples) if samples < len(data) else torch.arange(samples) % len(data)
    drawn = draw(system, seed, samples, texts[asked] if texts is not None else None)
    side = drawn.shape[-1]
    real = F.interpolate(data.pictures.float().cpu() / 255, size=(side, side), mode="area")
    seen, wanted = extract(as_pixels(drawn)), extract(as_pixels(real))
    mirrored = extract(as_pixels(real.flip(3)))
    found: dict[str, Any] = {"samples": samples, "real": len(real), "side": side}
    found |= figures.kernel_distance(seen.values, wanted.values)
    found |= figures.frechet_distance(seen.values, wanted.values)
    found |= figures.precision_recall(seen.values, wanted.values)
    found["floor"] = figures.floor(wanted.values)
    found["spread"], found["spread_real"] = figures.spread(seen.embeddings), figures.spread(wanted.embeddings)
    distances, nearest = figures.neighbours(seen, wanted, mirrored)
    found["memorisation"] = figures.memorisation(distances[:, 0], wanted, mirrored)
    if texts is not None:
        names = [data.labels[index] for index in asked]
        found["retrieval"] = figures.retrieval(seen, wanted, names, data.labels)
        found["spread_over_seeds"] = over_seeds(system, texts, extract, seed)
    pictures = {"samples.png": grid(drawn[_evenly(samples, 64)]), "neighbours.png": beside(drawn, real, nearest)}
    return Judged(found, pictures)


def draw(system: PictureSystem, seed: int, count: int, texts: Tensor | None) -> Tensor:
    """Draw `count` pictures from the latents of `seed`: premultiplied RGBA, float (N, 4, S, S), on the CPU."""
    latents = torch.randn(count, system.latent_dim, generator=torch.Generator().manual_seed(seed))
    chunks = torch.split(latents, CHUNK)
    asked = torch.split(texts, CHUNK) if texts is not None else (None,) * len(chunks)
    return torch.cat([system.generate(*pair).float().cpu() for pair in zip(chunks, asked, strict=True)])


def as_pixels(premultiplied: Tensor) -> Tensor:
    """Lay premultiplied RGBA, float (N, 4, S, S) in 0..1, on white: uint8 RGB (N, 3, S, S)."""
    return (on_white(premultiplied).clamp(0, 1) * 255).round().byte()


def over_seeds(system: PictureSystem, texts: Tensor, extract: Extractor, seed: int) -> float:
    """Mean cosine distance between pictures of one name with different seeds: 0 where seeds change nothing."""
    prompts = _evenly(len(texts), PROMPTS)
    drawn = draw(system, seed, len(prompts) * SEEDS, texts[prompts].repeat_interleave(SEEDS, 0))
    groups: tuple[Tensor, ...] = torch.split(extract(as_pixels(drawn)).embeddings, SEEDS)
    return sum(figures.spread(group) for group in groups) / len(groups)


def beside(drawn: Tensor, real: Tensor, nearest: Tensor) -> Image.Image:
    """Lay out samples, each (first column) beside its nearest training pictures, nearest first."""
    shown = _evenly(len(drawn), SHOWN)
    rows = [torch.cat([drawn[index, None], real[nearest[index]]]) for index in shown]
    return grid(torch.cat(rows), columns=1 + nearest.shape[1])


def _evenly(count: int, wanted: int) -> Tensor:
    """Choose `wanted` of `count` indices, or all of fewer, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, wanted)).long()
