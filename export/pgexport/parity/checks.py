"""Parity: what an exported model may differ from PyTorch in float32, measured through the runtime itself."""

import secrets
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pgexport.errors import ParityFailed
from pokegan.image_metrics import premultiplied, psnr

BATCHES = (1, 3, 64)
"""Batches at which every model is compared."""

FARTHEST = "components 5"
"""The case of latents that are never drawn, and have limits of their own."""

EDGE = 1e-5
"""How far latents are moved to tell which rows of stats lie on an edge, where rounding decides."""

Array = NDArray[Any]
Feeds = dict[str, Array]
Runner = Callable[[Feeds], list[Array]]
"""Inputs by name to outputs in order, through the runtime."""


class Locator(Protocol):
    """Names the first node that diverges on inputs; where `rows` are given, that gives those alone another result."""

    def __call__(self, feeds: Feeds, rows: slice | None = None) -> str:
        """Say it as a part of a message."""


@dataclass(frozen=True)
class Tolerance:
    """Limits of one storage; None where a figure is told and not held.

    `worst` and `most` bound the largest and the 99.9th percentile difference of a premultiplied channel (of 255) from
    above, `psnr` (dB) the picture from below; `extreme_most` and `extreme_psnr` do so for the farthest latents of
    :func:`latent_cases`, in which activations grow beyond those of any picture that is drawn. `worst` is held where
    arithmetic is float32 or fp16: in bf16 and int8 single pixels at outlines flip whole. `cosine` bounds the encoder,
    `text_psnr` encoder and generator in sequence. `rows` is the share of stats rows equal in all integers, `decided`
    the share that does not lie on an edge between two integers, without which `rows` would say little.
    """

    worst: float | None
    most: float
    psnr: float
    extreme_most: float
    extreme_psnr: float
    cosine: float
    text_psnr: float
    rows: float = 1.0
    decided: float = 0.9

    @property
    def names_cosine(self) -> float:
        """Bounds the stored embeddings of names as `cosine` does new ones: float16 costs less than any limit allows."""
        return self.cosine


FROM_ABOVE = {"worst", "most", "extreme_most"}

TOLERANCES = {
    # float32: a value that lies on the edge between two levels may round either way.
    "float32": Tolerance(2, 1, 65, 1, 60, 0.99999, 60),
    # compact: int8 keeps 8 bits a channel, seen as single pixels at outlines. Whitening magnifies the encoder's loss,
    # which shows the more from text to picture the sharper a generator draws.
    "compact": Tolerance(96, 8, 45, 16, 42, 0.995, 22),
    # fp16: 11 bits at every operator.
    "fp16": Tolerance(24, 3, 58, 8, 50, 0.9999, 48),
    # bf16: 8 bits, as many as a pixel has; outlines move by parts of a pixel.
    "bf16": Tolerance(None, 28, 40, 64, 32, 0.999, 32),
    # int8: convolutions are taken up to INT8_PSNR, see pgexport.precision.quantize; the encoder's loss is larger.
    "int8": Tolerance(None, 32, 38, 80, 28, 0.97, 18),
}
"""By storage, in the order of Tolerance's fields; docs/export.md has the same table, and what real runs measured."""


@dataclass(frozen=True)
class Trial:
    """One model as PyTorch has it, and what it is tried on: inputs by name for each case, of 64 rows or fewer.

    `seed` is what the cases were drawn with.
    """

    name: str
    kind: str
    network: nn.Module
    cases: dict[str, Feeds]
    seed: int | None = None


def fresh_seed() -> int:
    """Draw a seed for the cases of a trial."""
    return secrets.randbits(32)


def latent_cases(latent_dim: int, seed: int) -> dict[str, Array]:
    """Draw latents for a trial, each float32 (64, L).

    ``random`` are standard normal; ``truncation 0`` is the mean alone; ``norm 5`` are short ones of length 5 and
    ``components 5`` far ones, each number 5 or -5.
    """
    draw = np.random.default_rng(seed)
    latent, direction = draw.standard_normal((2, max(BATCHES), latent_dim), np.float32)
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return {
        "random": latent,
        "truncation 0": np.zeros_like(latent),
        "norm 5": 5 * unit,
        FARTHEST: 5 * np.sign(direction),
    }


def measure(trial: Trial, runner: Runner, locate: Locator | None = None) -> dict[str, dict[str, float]]:
    """Compare a model with PyTorch: figures of Tolerance by the case that they were worst in.

    Raises:
        ParityFailed: what a row gives depends on the batch it is in.
    """
    by_case: dict[str, dict[str, float]] = {}
    compared = {"stats": _rows, "encoder": _embeddings}.get(trial.kind, _pictures)
    for case, feeds in trial.cases.items():
        found = compared(trial, feeds, runner, locate)
        if trial.kind == "stats" and case != "random":
            del found["decided"]  # equal latents are on an edge for all rows at once
        elif case == FARTHEST:
            found = {f"extreme_{name}": value for name, value in found.items() if name != "worst"}
        by_case[case] = found
    return by_case


def check(trial: Trial, runner: Runner, storage: str, locate: Locator | None = None) -> dict[str, Any]:
    """Hold a model to TOLERANCES[storage].

    Args:
        trial: what to try.
        runner: the exported model.
        storage: a key of TOLERANCES.
        locate: names the first diverging node on inputs, for the message.

    Returns:
        What the manifest tells: each figure as measured, in the case that it was worst in, and its limit (or None).

    Raises:
        ParityFailed: a figure is beyond its limit, or what a row gives depends on its batch.
    """
    figures: dict[str, Any] = {}
    for case, found in measure(trial, runner, locate).items():
        for name, value in found.items():
            told = check_figure(trial.name, name, value, storage, partial(_place, locate, trial.cases[case]))
            if name not in figures or _beyond(name, value, figures[name]["measured"]):
                figures[name] = told
    rows = {case: len(next(iter(feeds.values()))) for case, feeds in trial.cases.items()}
    tried = {"against": "PyTorch eager float32", "seed": trial.seed, "batches": list(BATCHES), "rows": rows}
    return tried | {"figures": figures}


def check_figure(
    model: str, name: str, value: float, storage: str, place: Callable[[], str] = str
) -> dict[str, float | None]:
    """Hold one figure to TOLERANCES[storage] and return it with its limit; `place` says where it went wrong.

    Raises:
        ParityFailed: it is beyond.
    """
    limit: float | None = getattr(TOLERANCES[storage], name)
    if limit is not None and _beyond(name, value, limit):
        where = f"; {told}" if (told := place()) else ""
        raise ParityFailed(f"{model}: parity ({storage}): {name} is {value:.5g} where the limit is {limit:.5g}{where}")
    return {"measured": value, "limit": limit}


def _place(locate: Locator | None, feeds: Feeds) -> str:
    return locate({name: value[:2] for name, value in feeds.items()}) if locate else ""


def _beyond(name: str, value: float, limit: float) -> bool:
    return not (value <= limit if name in FROM_ABOVE else value >= limit)  # NaN is beyond everything


def cosine(found: Array, expected: Array) -> Array:
    """Cosine of each row of `found`, (N, D), with the same one of `expected`, (N,)."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines: Array = (found * expected).sum(1) / norms
    return cosines


def in_batches(name: str, feeds: Feeds, runner: Runner, locate: Locator | None = None) -> list[Array]:
    """Run all rows at once, and the first and the last ones at every smaller batch of BATCHES.

    Raises:
        ParityFailed: a row gives something else in a smaller batch.
    """
    whole = runner(feeds)
    count = len(whole[0])
    for batch in (batch for batch in BATCHES if batch < count):
        for start in (0, count - batch):
            part = runner({key: value[start : start + batch] for key, value in feeds.items()})
            for one, other in zip(part, whole, strict=True):
                if not np.array_equal(one, other[start : start + batch]):
                    where = f"; {locate(feeds, slice(start, start + batch))}" if locate else ""
                    raise ParityFailed(f"{name}: batch {batch} and batch {count} give different results{where}")
    return whole


@torch.no_grad()
def in_pytorch(network: nn.Module, feeds: Feeds) -> list[Array]:
    """Run PyTorch on `feeds`, in the order of its arguments."""
    found = network(*(torch.from_numpy(value) for value in feeds.values()))
    outputs = found if isinstance(found, tuple) else (found,)
    return [value.numpy() for value in outputs]


def _pictures(trial: Trial, feeds: Feeds, runner: Runner, locate: Locator | None) -> dict[str, float]:
    """The figures of the worst output."""
    pairs = zip(in_pytorch(trial.network, feeds), in_batches(trial.name, feeds, runner, locate), strict=True)
    differences = [np.abs(premultiplied(expected) - premultiplied(drawn)) for expected, drawn in pairs]
    return {
        "worst": max(float(difference.max()) for difference in differences),
        "most": max(float(np.percentile(difference, 99.9)) for difference in differences),
        "psnr": min(psnr(difference) for difference in differences),
    }


def _rows(trial: Trial, feeds: Feeds, runner: Runner, locate: Locator | None) -> dict[str, float]:
    """Compare all integers, but for rows that lie on an edge: where float32 and float64 differ in PyTorch itself, or
    latents moved by EDGE change the row. Far latents do so more often: the tails of a Gaussian are few float32 numbers.
    """
    drawn = _joined(in_batches(trial.name, feeds, runner, locate))
    expected = _joined(in_pytorch(trial.network, feeds))
    decided = np.ones(len(expected), bool)
    for step in (-EDGE, EDGE):
        moved = feeds | {"latent": (feeds["latent"] * (1 + step) + step).astype(np.float32)}
        decided &= (_joined(in_pytorch(trial.network, moved)) == expected).all(1)
    exactly = deepcopy(trial.network).double()
    decided &= (
        _joined(in_pytorch(exactly, {key: value.astype(float) for key, value in feeds.items()})) == expected
    ).all(1)
    equal = (drawn == expected).all(1)
    return {"rows": float(equal[decided].mean()) if decided.any() else 1.0, "decided": float(decided.mean())}


def _joined(outputs: list[Array]) -> Array:
    return np.concatenate([values.reshape(len(values), -1) for values in outputs], 1)


def _embeddings(trial: Trial, feeds: Feeds, runner: Runner, _: Locator | None) -> dict[str, float]:
    """The least cosine at any batch. Embeddings are floats, whose last bits may depend on the batch."""
    (expected,) = in_pytorch(trial.network, feeds)
    cosines = []
    for batch in (batch for batch in BATCHES if batch <= len(expected)):
        for start in {0, len(expected) - batch}:
            rows = slice(start, start + batch)
            (found,) = runner({key: value[rows] for key, value in feeds.items()})
            cosines.append(float(cosine(found, expected[rows]).min()))
    return {"cosine": min(cosines)}
