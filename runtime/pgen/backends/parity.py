"""How far another runtime's pictures are from those of ONNX Runtime on the CPU."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session, with_defaults
from pgen.backends.cpu import cpu
from pgen.backends.onnxruntime import open_session
from pgen.backends.tolerance import Figures, measure
from pgen.bundle.reader import Bundle, Model
from pgen.latents import latents
from pokegan.files import atomic_write

ROWS = 16
"""Pictures that are compared."""


def measured(
    bundle: Bundle, model: Model, graph: bytes, session: Session, cache: Path | None, versions: Sequence[str]
) -> Figures:
    """Compare a session's pictures of random latents and known names, once on a machine.

    The figures are kept in the folder `cache`, if there is one, by model, CPU and `versions`: precision and version of
    the runtime.
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
    """Draw ROWS pictures in both and compare them."""
    feeds = {"latent": latents(range(ROWS), model.settings["latent_dim"])}
    if model.reads_text:
        feeds["text"] = _embeddings(bundle, model)
    feeds = with_defaults(model, feeds)
    (expected,) = open_session(graph, model.file, "cpu").run(["pictures"], feeds)
    (drawn,) = session.run(["pictures"], feeds)
    return measure(expected, drawn)


def _embeddings(bundle: Bundle, model: Model) -> NDArray[np.float32]:
    """Take stored names' embeddings, or numbers like them where the bundle stores too few; float32 (ROWS, D)."""
    if len(bundle.names) >= ROWS:
        return bundle.stored_embeddings[:ROWS]
    dimensions = next(int(tensor.shape[1]) for tensor in model.inputs if tensor.name == "text")
    return latents(range(ROWS), dimensions) / np.float32(np.sqrt(dimensions))
