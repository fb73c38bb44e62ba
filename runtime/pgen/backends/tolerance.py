"""How far pictures of one model may be apart, by the manifest, and how far they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgen.bundle.reader import Model

BF16 = {"most": 28.0, "psnr": 40.0}
"""How far a device that computes in bf16 may draw from float32, by figure: as far as `pgexport --bf16` may."""


@dataclass(frozen=True)
class Figures:
    """Differences of premultiplied channels (of 255): the largest, the 99.9th percentile, and the PSNR (dB)."""

    worst: float
    most: float
    psnr: float

    def within(self, limits: dict[str, float]) -> bool:
        """Are they within `limits`? Limits that are not given are not looked at."""
        above = self.worst <= limits.get("worst", np.inf) and self.most <= limits.get("most", np.inf)
        return bool(above and self.psnr >= limits.get("psnr", -np.inf))


def limits(model: Model, precision: str = "f32") -> dict[str, float]:
    """Tell what pictures of `model` may differ from PyTorch in float32, by figure.

    Args:
        model: its manifest has the limits of what a device computes in float32.
        precision: "bf16" for a device that computes in it.
    """
    if precision == "bf16":
        return BF16
    figures = model.parity.get("figures", model.parity)
    told = {name: entry.get("limit") for name, entry in figures.items() if isinstance(entry, dict)}
    return {name: float(limit) for name, limit in told.items() if limit is not None}


def measure(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Figures:
    """Compare straight RGBA pictures, uint8 (N, S, S, 4)."""
    apart = np.abs(_premultiplied(first) - _premultiplied(second))
    mean = float(np.mean(apart**2))
    psnr = float("inf") if mean == 0 else 10 * np.log10(255**2 / mean)
    return Figures(float(apart.max()), float(np.quantile(apart, 0.999)), float(psnr))


def _premultiplied(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    straight = pictures.astype(np.float64)
    straight[..., :3] *= straight[..., 3:] / 255
    return straight
