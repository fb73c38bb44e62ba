"""How far OpenVINO's pictures are from those of ONNX Runtime on the CPU."""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from pgen.backends.cpu import cpu
from pgen.backends.onnxruntime import cache_folder, open_session
from pgen.backends.openvino import OpenVINOSession
from pgen.backends.registry import OPENVINO
from pgen.backends.tolerance import Figures, measure
from pgen.bundle.reader import Bundle, Model
from pgen.latents import latents

ROWS = 16
"""Pictures that are compared."""


def measured(bundle: Bundle, model: Model, graph: bytes, session: OpenVINOSession) -> Figures:
    """Compare a session's pictures of random latents and known names, once on a machine; the figures are cached."""
    facts = (bundle.manifest.files[model.file].sha256, session.precision, session.version, cpu()[0])
    name = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]
    path = cache_folder(OPENVINO, "openvino") / f"{name}.json"
    with suppress(OSError, ValueError, TypeError):  # there is none yet, or it is damaged: it is made again
        return Figures(**json.loads(path.read_text("utf-8")))
    figures = compare(bundle, model, graph, session)
    beside = path.with_name(f"{name}.{os.getpid()}.part")
    with suppress(OSError):  # then it is measured again next time
        beside.write_text(json.dumps(asdict(figures)), "utf-8")
        beside.replace(path)
    return figures


def compare(bundle: Bundle, model: Model, graph: bytes, session: OpenVINOSession) -> Figures:
    """Draw ROWS pictures in both and compare them."""
    feeds = {"latent": latents(range(ROWS), model.settings["latent_dim"])}
    if model.reads_text:
        feeds["text"] = _embeddings(bundle, model)
    (expected,) = open_session(graph, model.file, "cpu").run(["pictures"], feeds)
    (found,) = session.run(["pictures"], feeds)
    return measure(expected, found)


def _embeddings(bundle: Bundle, model: Model) -> NDArray[np.float32]:
    """Take stored names' embeddings, or numbers like them where the bundle stores none."""
    from pgen.text_encoder import TextEncoder

    encoder = TextEncoder(bundle)
    stored = [encoder.stored(name) for name in list(bundle.known_names)[:ROWS]]
    if len(stored) == ROWS:
        return np.stack([embedding for embedding in stored if embedding is not None])
    dimensions = next(int(tensor.shape[1]) for tensor in model.inputs if tensor.name == "text")
    return latents(range(ROWS), dimensions) / np.float32(np.sqrt(dimensions))
