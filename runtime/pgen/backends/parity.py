"""How far pictures of one model may differ, by the manifest, and how far a runtime's differ from ONNX Runtime's."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session, with_defaults
from pgen.backends.cores import cpu
from pgen.backends.onnxruntime import open_session
from pgen.bundle.reader import Bundle, Model
from pgen.latents import latents
from pokegan.files import atomic_write
from pokegan.image_metrics import premultiplied, psnr

ROWS = 16
"""Pictures that are compared."""

BF16 = {"most": 28.0, "psnr": 40.0}
"""Limits of the figures of a device that computes in bf16, as those of `pgexport --bf16`."""


@dataclass(frozen=True)
class Figures:
    """Differences of premultiplied channels (of 255): the largest, the 99.9th percentile, and the PSNR (dB)."""

    worst: float
    most: float
    psnr: float

    def within(self, limits: dict[str, float]) -> bool:
        """Return whether no figure exceeds its limit; figures without a limit are not checked."""
        above = self.worst <= limits.get("worst", np.inf) and self.most <= limits.get("most", np.inf)
        return bool(above and self.psnr >= limits.get("psnr", -np.inf))


def limits(model: Model, precision: str = "f32") -> dict[str, float]:
    """Return the limits of the figures of `model`, relative to PyTorch in float32.

    Args:
        model: the model, whose manifest has the limits for devices that compute in float32.
        precision: "bf16" for a device that computes in bf16.
    """
    if precision == "bf16":
        return BF16
    figures = model.parity.get("figures", {}).items()
    return {name: float(figure["limit"]) for name, figure in figures if figure["limit"] is not None}


def measure(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Figures:
    """Compare straight RGBA pictures, uint8 (N, S, S, 4)."""
    difference = np.abs(premultiplied(first) - premultiplied(second))
    return Figures(float(difference.max()), float(np.quantile(difference, 0.999)), psnr(difference))


def compare_once(
    bundle: Bundle, model: Model, graph: bytes, session: Session, cache: Path | None, versions: Sequence[str]
) -> Figures:
    """Compare as :func:`compare` does, once on a machine.

    The figures are cached in the folder `cache`, if there is one, by model, CPU and `versions`: precision and version
    of the runtime.
    """
    if cache is None:
        return compare(bundle, model, graph, session)
    key = "\n".join((bundle.manifest.files[model.file].sha256, *versions, cpu()[0]))
    path = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, TypeError):  # not measured yet, or the file is damaged
        return Figures(**json.loads(path.read_text("utf-8")))
    figures = compare(bundle, model, graph, session)
    with suppress(OSError):  # then it is measured again next time
        atomic_write(path, json.dumps(asdict(figures)))
    return figures


def compare(bundle: Bundle, model: Model, graph: bytes, session: Session) -> Figures:
    """Compare the pictures of a session and of ONNX Runtime on the CPU, for ROWS latents and stored names."""
    feeds = {"latent": latents(range(ROWS), model.settings["latent_dim"])}
    if model.reads_text:
        feeds["text"] = _embeddings(bundle, model)
    feeds = with_defaults(model, feeds)
    (expected,) = open_session(graph, model.file, "cpu").run(["pictures"], feeds)
    (drawn,) = session.run(["pictures"], feeds)
    return measure(expected, drawn)


def _embeddings(bundle: Bundle, model: Model) -> NDArray[np.float32]:
    """Take stored embeddings, or random ones of the same scale if the bundle stores too few; float32 (ROWS, D)."""
    if len(bundle.names) >= ROWS:
        return bundle.stored_embeddings[:ROWS]
    dimensions = next(int(tensor.shape[1]) for tensor in model.inputs if tensor.name == "text")
    return latents(range(ROWS), dimensions) / np.float32(np.sqrt(dimensions))
