"""Parity: what an exported bundle may differ from PyTorch in float32, measured through the runtime itself."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgen.images import Pipeline
from pgexport.errors import ParityFailed
from pgexport.graphs import PictureGenerator
from pgtrain.text import Encoder, embed

BATCHES = (1, 3, 64)
"""Batches at which every generator is compared."""


@dataclass(frozen=True)
class Tolerance:
    """Limits of one storage.

    `worst` and `most` bound the largest and the 99.9th percentile difference of a premultiplied channel (of
    255), `psnr` (dB) bounds the generator from below, `cosine` the encoder, `text_psnr` both in sequence.
    """

    worst: float
    most: float
    psnr: float
    cosine: float
    text_psnr: float


TOLERANCES = {
    # float32: a value that lies on the edge between two levels may round either way.
    "float32": Tolerance(worst=2, most=1, psnr=65, cosine=0.99999, text_psnr=60),
    # compact: int8 keeps 8 bits a channel, seen as single pixels at outlines; whitening magnifies the encoder's loss.
    "compact": Tolerance(worst=96, most=8, psnr=45, cosine=0.99, text_psnr=32),
    # fp16: 11 bits at every operator.
    "fp16": Tolerance(worst=24, most=3, psnr=58, cosine=0.9999, text_psnr=48),
    # bf16: 8 bits, as many as a pixel has; outlines move by parts of a pixel.
    "bf16": Tolerance(worst=128, most=16, psnr=42, cosine=0.999, text_psnr=34),
    # int8: convolutions are taken up to INT8_PSNR (see pgexport.quantize); the encoder's loss is the larger one.
    "int8": Tolerance(worst=192, most=32, psnr=38, cosine=0.97, text_psnr=22),
}


def check(
    pipeline: Pipeline, generator: PictureGenerator, encoder: Encoder, texts: list[str], storage: str, seed: int = 1
) -> dict[str, dict[str, Any]]:
    """Compare the bundle behind `pipeline` with PyTorch on fresh latents and `texts`.

    Returns:
        The measured figures and their limits, by model name.

    Raises:
        ParityFailed: a figure is beyond TOLERANCES[storage], or the same picture differs between batches.
    """
    limit = TOLERANCES[storage]
    text = embed(encoder, texts)
    cosines = torch.cosine_similarity(text, torch.from_numpy(pipeline.encoder.encode(texts)))
    random = torch.Generator().manual_seed(seed)
    latent = torch.randn(max(BATCHES), pipeline.model.settings["latent_dim"], generator=random)
    rows = torch.arange(max(BATCHES)) % len(texts)
    expected = _eager(generator, latent, text[rows])
    drawn = _drawn(pipeline, latent.numpy(), text[rows].numpy())
    from_text = _drawn(pipeline, latent.numpy(), pipeline.encoder.encode([texts[row] for row in rows]))
    difference, text_difference = np.abs(expected - drawn), np.abs(expected - from_text)
    found = {
        "worst": float(difference.max()),
        "most": float(np.percentile(difference, 99.9)),
        "psnr": psnr(difference),
        "cosine": float(cosines.min()),
        "text_psnr": psnr(text_difference),
    }
    _enforce(found, limit, storage)
    figures = {name: {"measured": value, "limit": getattr(limit, name)} for name, value in found.items()}
    encoder_figures = {"cosine": figures.pop("cosine")}
    common = {"against": "PyTorch eager float32", "batches": list(BATCHES), "texts": len(texts)}
    return {"stackgan": common | figures, "encoder": common | encoder_figures}


def psnr(difference: NDArray[np.float64]) -> float:
    """Peak signal-to-noise ratio in dB of differences on a scale of 255; 99 stands for no difference."""
    error = float(np.square(difference).mean())
    return 99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error)))


@torch.no_grad()
def _eager(generator: PictureGenerator, latent: Tensor, text: Tensor) -> NDArray[np.float64]:
    return _premultiplied(generator(latent, text)[0].numpy())


def _drawn(pipeline: Pipeline, latent: NDArray[np.float32], text: NDArray[np.float32]) -> NDArray[np.float64]:
    """Generate at every batch of BATCHES; the pictures must not depend on it."""
    whole = pipeline.generate(latent, text)
    for batch in BATCHES:
        starts = range(0, len(latent) - batch + 1, batch)
        parts = [pipeline.generate(latent[at : at + batch], text[at : at + batch]) for at in starts]
        pixels = np.concatenate(parts)
        if not np.array_equal(pixels, whole[: len(pixels)]):
            raise ParityFailed(f"stackgan: batch {batch} and batch {len(latent)} draw different pictures")
    return _premultiplied(whole)


def _premultiplied(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    # The colour of an invisible pixel is no difference that anyone could see.
    alpha = pixels[..., 3:].astype(np.float64)
    return np.concatenate([pixels[..., :3] * (alpha / 255), alpha], -1)


def _enforce(found: dict[str, float], limit: Tolerance, storage: str) -> None:
    for name, bound in asdict(limit).items():
        value = found[name]
        beyond = value > bound if name in ("worst", "most") else value < bound
        if beyond:
            raise ParityFailed(
                f"parity ({storage}): {name} is {value:.5g} where the limit is {bound:.5g}; no bundle was written"
            )
