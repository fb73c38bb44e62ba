"""The same networks in PyTorch eager, with the weights of a bundle: the peer that pgbench measures against.

Run as ``python -m pgexport.eager BUNDLE BATCH THREADS``; the protocol is told in :mod:`pgbench.peer`.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pgbench.suite import texts
from pgen.bundle import Bundle, open_bundle
from pgen.errors import BundleInvalid
from pgen.latents import latents
from pgexport.compress import weights
from pgexport.graphs import PictureGenerator
from pgexport.source import fold_batch_norm
from pgtrain.stackgan.config import StackGANConfig
from pgtrain.stackgan.networks import Generator
from pgtrain.text import Encoder, embed, load_encoder


def rebuild(bundle: Bundle) -> PictureGenerator:
    """Rebuild a bundle's generator in PyTorch from the weights in its ONNX file.

    Raises:
        BundleInvalid: the graph lacks a weight (graphs of untrained networks share equal ones).
    """
    model = bundle.model("text-to-image")
    stored = weights(onnx.load_from_string(bundle.graph(model)))
    config = StackGANConfig(**model.provenance["run"]["config"])
    whitened_dim, text_dim = stored["generator.whitening.linear.weight"].shape
    # Texts that are not whitened are shifted by nothing, and the exporter drops an addition of zeros.
    stored.setdefault("generator.whitening.linear.bias", np.zeros(whitened_dim, np.float32))
    generator = Generator(config, text_dim, whitened_dim)
    if not any(name.startswith("generator.stage2.") for name in stored):
        generator.stage2 = None
    network = PictureGenerator(generator).eval()
    fold_batch_norm(network)
    missing = network.state_dict().keys() - stored.keys()
    if missing:
        raise BundleInvalid(f"{bundle.folder / model.file}: lacks {len(missing)} weights, such as {min(missing)}")
    network.load_state_dict({name: torch.tensor(stored[name]) for name in network.state_dict()})
    return network


class Eager:
    """The targets that can be timed, on `batch` texts and latents."""

    def __init__(self, network: nn.Module, encoder: Encoder, batch: int, latent_dim: int) -> None:
        self.network, self.encoder = network, encoder
        self.texts, self.latent_dim, self.batch = texts(batch), latent_dim, batch
        self.text = embed(encoder, self.texts, batch)
        self.latent = self._draw()

    def _draw(self) -> Tensor:
        return torch.from_numpy(latents(range(self.batch), self.latent_dim))

    def targets(self) -> dict[str, Callable[[], object]]:
        """Name what can be run."""
        return {
            "encoder": lambda: embed(self.encoder, self.texts, self.batch),
            "generator": lambda: self.network(self.latent, self.text),
            "end to end": lambda: self.network(self._draw(), embed(self.encoder, self.texts, self.batch)),
        }


@torch.inference_mode()
def serve(folder: Path, batch: int, threads: int) -> None:
    """Answer the names of targets on standard input with the seconds that each took."""
    torch.set_num_threads(threads)
    bundle = open_bundle(folder)
    model = bundle.model("text-to-image")
    # Of an encoder that was a folder the bundle tells the last part: it is found where this process runs, or not.
    encoder = load_encoder(model.provenance["run"]["encoder"])
    eager = Eager(rebuild(bundle), encoder, batch, model.settings["latent_dim"])
    targets = eager.targets()
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        targets[line.strip()]()
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
