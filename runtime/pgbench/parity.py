"""Are the pictures of two backends the same? A fast wrong picture is no result."""

import math
from typing import Any

import numpy as np

from pgbench.processes.worker import Array

SAME = 30.0
"""Decibels below which two pictures look different."""


def compare(drawn: Array, reference: Array) -> dict[str, Any]:
    """Compare what two backends made of the same inputs.

    Args:
        drawn: pictures, uint8 (N, S, S, 4), straight RGBA; or rows of integers, uint8 (N, ...).
        reference: what they should be.

    Returns:
        For pictures the largest difference of a premultiplied channel and the PSNR in dB (99 for equal ones); for rows
        the share of equal integers; and for both whether they pass for `same`.
    """
    if drawn.shape != reference.shape:
        return {"same": False, "why": f"shape {drawn.shape} where {reference.shape} is expected"}
    if drawn.ndim != 4:
        equal = float(np.mean(drawn == reference))
        return {"equal": round(equal, 4), "same": equal > 0.99}
    difference = _premultiplied(drawn) - _premultiplied(reference)
    mean = float(np.mean(difference**2))
    psnr = min(99.0, 10 * math.log10(255**2 / mean)) if mean else 99.0
    return {"largest": round(float(np.abs(difference).max()), 1), "psnr_db": round(psnr, 1), "same": psnr >= SAME}


def _premultiplied(pixels: Array) -> Array:
    alpha = pixels[..., 3:].astype(np.float64)
    return np.concatenate([pixels[..., :3] * (alpha / 255), alpha], axis=-1)
