"""How far pictures of one model may be apart, by the manifest, and how far they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgen.bundle.reader import Model
from pokegan.image_metrics import premultiplied, psnr

BF16 = {"most": 28.0, "psnr": 40.0}
"""How far a device that computes in bf16 may draw from float32, by figure: as far as `pgexport --bf16` may."""


@dataclass(frozen=True)
class Figures:
    """Differences of premultiplied channels (of 255): the largest, the 99.9th percentile, and the PSNR (dB)."""

    worst: float
    most: float
    psnr: float

    def within(self, limits: dict[str, float]) -> bool:
        """Are they within `limits`? Missing limits are not checked."""
        above = self.worst <= limits.get("worst", np.inf) and self.most <= limits.get("most", np.inf)
        return bool(above and self.psnr >= limits.get("psnr", -np.inf))


def limits(model: Model, precision: str = "f32") -> dict[str, float]:
    """How far pictures of `model` may differ from PyTorch in float32, by figure.

    Args:
        model: its manifest has the limits of what a device computes in float32.
        precision: "bf16" for a device that computes in it.
    """
    if precision == "bf16":
        return BF16
    figures = model.parity.get("figures", {}).items()
    return {name: float(figure["limit"]) for name, figure in figures if figure["limit"] is not None}


def measure(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Figures:
    """Compare straight RGBA pictures, uint8 (N, S, S, 4)."""
    difference = np.abs(premultiplied(first) - premultiplied(second))
    return Figures(float(difference.max()), float(np.quantile(difference, 0.999)), psnr(difference))
