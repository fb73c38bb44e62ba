"""Parity of two backends: timings are comparable only if both generate the same pictures."""

from typing import Any

import numpy as np

from pgbench.processes.worker import Array
from pokegan.image_metrics import premultiplied, psnr

SAME = 30.0
"""Decibels below which two pictures look different."""


def compare(drawn: Array, reference: Array) -> dict[str, Any]:
    """Compare the outputs of two backends for the same inputs.

    Args:
        drawn: pictures, uint8 (N, S, S, 4), straight RGBA; or rows of integers, uint8 (N, ...).
        reference: the expected outputs.

    Returns:
        For pictures the largest difference of a premultiplied channel and the PSNR in dB (99 if they are equal); for
        rows the share of equal integers; for both whether they count as the `same`.
    """
    if drawn.shape != reference.shape:
        return {"same": False, "why": f"shape {drawn.shape} where {reference.shape} is expected"}
    if drawn.ndim != 4:
        equal = float(np.mean(drawn == reference))
        return {"equal": round(equal, 4), "same": equal > 0.99}
    difference = premultiplied(drawn) - premultiplied(reference)
    decibels = psnr(difference)
    largest = round(float(np.abs(difference).max()), 1)
    return {"largest": largest, "psnr_db": round(decibels, 1), "same": decibels >= SAME}
