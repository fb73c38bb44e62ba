"""Comparisons of an exported model with PyTorch on one set of inputs, one for each kind of model."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pgexport.errors import ParityFailed
from pgexport.metrics import Array, cosine
from pgexport.trial import BATCHES, Feeds, Runner, Trial
from pokegan.image_metrics import premultiplied, psnr

EDGE = 1e-5
"""How far latents are moved to find rows of stats on an edge, where rounding decides."""

ROUNDED, SETTLED = 0.003, 40.0
"""Relative deviation of the noise on all inputs that finds pictures on an edge, and the PSNR (dB) that others keep.

A text reads its codes from one picture or another of a memory; where two match alike, rounding decides between them.
"""


Locator = Callable[[Feeds, slice | None], str]
"""Names the first node that diverges on inputs; with rows, the first that gives those alone another result."""


def in_batches(name: str, feeds: Feeds, runner: Runner, locate: Locator | None) -> list[Array]:
    """Run all rows at once, and the first and the last ones at every smaller batch of BATCHES.

    Raises:
        ParityFailed: the outputs of a row are different in a smaller batch.
    """
    whole = runner(feeds)
    count = len(whole[0])
    for batch in (batch for batch in BATCHES if batch < count):
        for start in (0, count - batch):
            part = runner({key: value[start : start + batch] for key, value in feeds.items()})
            for output, expected in zip(part, whole, strict=True):
                if not np.array_equal(output, expected[start : start + batch]):
                    where = f"; {locate(feeds, slice(start, start + batch))}" if locate else ""
                    raise ParityFailed(f"{name}: batch {batch} and batch {count} give different results{where}")
    return whole


@torch.no_grad()
def in_pytorch(network: nn.Module, feeds: Feeds) -> list[Array]:
    """Run PyTorch on `feeds`, in the order of its arguments."""
    result = network(*(torch.from_numpy(value) for value in feeds.values()))
    outputs = result if isinstance(result, tuple) else (result,)
    return [value.numpy() for value in outputs]


def compare_pictures(trial: Trial, feeds: Feeds, runner: Runner, locate: Locator | None) -> dict[str, float]:
    """Compare pictures: the figures of the worst output, without pictures on an edge between two choices."""
    expected = [premultiplied(pixels) for pixels in in_pytorch(trial.network, feeds)]
    drawn = [premultiplied(pixels) for pixels in in_batches(trial.name, feeds, runner, locate)]
    settled = _settled(trial.network, feeds, expected)
    share = {"settled": float(settled.mean())} if feeds is trial.cases.get("random") else {}
    if not settled.any():
        settled[:] = True
    differences = [np.abs(ours - theirs)[settled] for ours, theirs in zip(drawn, expected, strict=True)]
    return share | {
        "worst": max(float(difference.max()) for difference in differences),
        "most": max(float(np.percentile(difference, 99.9)) for difference in differences),
        "psnr": min(psnr(difference) for difference in differences),
    }


def _settled(network: nn.Module, feeds: Feeds, expected: list[Array]) -> NDArray[np.bool_]:
    """Find the pictures that hardly change, bool (N,), when PyTorch's inputs are rounded more coarsely."""
    rng = np.random.default_rng(0)
    settled = np.ones(len(expected[0]), bool)
    for _ in range(2):
        noise = {name: 1 + ROUNDED * rng.standard_normal(value.shape) for name, value in feeds.items()}
        rounded = {name: (value * noise[name]).astype(np.float32) for name, value in feeds.items()}
        for exact, pixels in zip(expected, in_pytorch(network, rounded), strict=True):
            settled &= np.array([psnr(difference) >= SETTLED for difference in exact - premultiplied(pixels)])
    return settled


def compare_rows(trial: Trial, feeds: Feeds, runner: Runner, locate: Locator | None) -> dict[str, float]:
    """Compare all integers of the rows of stats, but for rows that lie on an edge between two integers.

    There float32 and float64 differ in PyTorch itself, or latents moved by EDGE change the row. Far latents do so more
    often: the tails of a Gaussian are few float32 numbers. Equal latents are on an edge for all rows at once, so their
    share on no edge says nothing.
    """
    rows = _joined(in_batches(trial.name, feeds, runner, locate))
    expected = _joined(in_pytorch(trial.network, feeds))
    decided = np.ones(len(expected), bool)
    for step in (-EDGE, EDGE):
        moved = feeds | {"latent": (feeds["latent"] * (1 + step) + step).astype(np.float32)}
        decided &= (_joined(in_pytorch(trial.network, moved)) == expected).all(1)
    exact = deepcopy(trial.network).double()
    exact_rows = _joined(in_pytorch(exact, {key: value.astype(float) for key, value in feeds.items()}))
    decided &= (exact_rows == expected).all(1)
    equal = (rows == expected).all(1)
    figures = {"rows": float(equal[decided].mean()) if decided.any() else 1.0}
    return figures if feeds is not trial.cases.get("random") else figures | {"decided": float(decided.mean())}


def _joined(outputs: list[Array]) -> Array:
    return np.concatenate([values.reshape(len(values), -1) for values in outputs], 1)


def compare_embeddings(trial: Trial, feeds: Feeds, runner: Runner, locate: Locator | None) -> dict[str, float]:
    """Find the smallest cosine at any batch; an embedding's last bits may depend on its batch."""
    (expected,) = in_pytorch(trial.network, feeds)
    cosines = []
    for batch in (batch for batch in BATCHES if batch <= len(expected)):
        for start in {0, len(expected) - batch}:
            rows = slice(start, start + batch)
            (embeddings,) = runner({key: value[rows] for key, value in feeds.items()})
            cosines.append(float(cosine(embeddings, expected[rows]).min()))
    return {"cosine": min(cosines)}
