"""How far a device's pictures are from those of ONNX Runtime on the CPU."""

import numpy as np
from numpy.typing import NDArray

from pgen.bundle import Bundle, Model
from pgen.devices.tolerance import Figures, measure
from pgen.latents import latents
from pgen.session import open_model

ROWS = 16
"""Pictures that are compared."""


def compare(bundle: Bundle, model: Model, device: str) -> Figures:
    """Draw ROWS pictures of random latents and known names on both.

    Raises:
        PokeganError: the bundle or the device cannot be used.
    """
    feeds = {"latent": latents(range(ROWS), model.settings["latent_dim"])}
    if model.reads_text:
        feeds["text"] = _embeddings(bundle, model)
    first, second = (open_model(bundle, model, where).run(["pictures"], feeds)[0] for where in ("cpu", device))
    return measure(first, second)


def _embeddings(bundle: Bundle, model: Model) -> NDArray[np.float32]:
    """Take stored names' embeddings, or numbers like them where the bundle stores none."""
    from pgen.text import TextEncoder

    encoder = TextEncoder(bundle)
    stored = [encoder.stored(name) for name in list(bundle.known_names)[:ROWS]]
    if len(stored) == ROWS:
        return np.stack([embedding for embedding in stored if embedding is not None])
    dimensions = next(int(tensor.shape[1]) for tensor in model.inputs if tensor.name == "text")
    return latents(range(ROWS), dimensions) / np.float32(np.sqrt(dimensions))
