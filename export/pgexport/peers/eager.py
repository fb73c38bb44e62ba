"""The same networks in PyTorch, with the weights of a bundle: the peers that pgbench measures against.

Run as ``python -m pgexport.peers.eager BACKEND BUNDLE MODEL THREADS``; the protocol is that of
:mod:`pgbench.processes.worker`.
A backend is ``torch``, then ``-cuda`` for the GPU, then ``-compile`` or ``-graph`` (compiled, and replayed as a CUDA
graph), then ``-bf16`` or ``-fp16`` (autocast).
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from pgbench.processes.pgen_worker import default_inputs, find, to_images, to_pngs
from pgbench.processes.rates import OPERATIONS, SIDE, best
from pgbench.processes.worker import Array, Work, serve, texts
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.errors import BundleInvalid, DeviceUnavailable
from pgexport.kinds import KINDS
from pgexport.precision.compress import weights
from pgexport.precision.half import HALVES
from pgexport.tracing.freeze import freeze
from pgtrain.config import from_dict
from pgtrain.models.text_encoder import MAX_TOKENS, load_encoder
from pgtrain.systems.base import Architecture
from pgtrain.systems.registry import SYSTEMS
from pokegan.cli import exit_with
from pokegan.errors import PokeganError

GENERATOR = "generator."
"""Prefix of a generator's weights in a graph; see the networks of :mod:`pgexport.tracing.graphs`."""


def rebuild(bundle: Bundle, model: Model) -> nn.Module:
    """Rebuild a bundle's picture model in PyTorch from the weights in its ONNX file, as float32.

    Raises:
        BundleInvalid: the graph lacks a weight (graphs of untrained networks share equal ones), or the model draws no
            pictures.
    """
    stored = weights(onnx.load_from_string(bundle.graph(model)))
    run, kind, path = model.provenance["run"], KINDS[model.kind], bundle.folder / model.file
    if not kind.network:
        raise BundleInvalid(f"{path}: a model of the kind {model.kind} is not rebuilt in PyTorch")
    entry = SYSTEMS[run["system"]]
    config = from_dict(entry.config, run["config"], str(bundle.folder))
    generator = {name.removeprefix(GENERATOR): values for name, values in stored.items() if name.startswith(GENERATOR)}
    try:
        rebuilt: Architecture = entry.load("rebuild")(config, generator)
    except KeyError as error:
        raise BundleInvalid(f"{path}: lacks the weights {error}") from error
    network: nn.Module = kind.load("network")(rebuilt.network).eval()
    freeze(network)
    expected = network.state_dict()
    zeros = {GENERATOR + name: torch.zeros_like(expected[GENERATOR + name]) for name in rebuilt.zeros}
    missing = expected.keys() - stored.keys() - zeros.keys()
    if missing:
        raise BundleInvalid(f"{path}: lacks {len(missing)} weights: {sorted(missing)}")
    loaded = zeros | {name: torch.tensor(values) for name, values in stored.items() if name in expected}
    network.load_state_dict(loaded)
    return network


class Mode:
    """How PyTorch runs the networks: read off a backend's name."""

    def __init__(self, backend: str) -> None:
        options = backend.split("-")[1:]
        self.device = torch.device("cuda" if "cuda" in options else "cpu")
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceUnavailable(f"{backend}: PyTorch finds no CUDA GPU; use the backend torch")
        self.compiled, self.graphed = "compile" in options, "graph" in options
        self.half = next((HALVES[name] for name in options if name in HALVES), None)

    def prepare(self, network: nn.Module) -> Any:
        """Move a network to the device and compile it; half precision also lays convolutions out channels-last."""
        network = network.to(self.device)
        if self.half:
            network = network.to(memory_format=torch.channels_last)
        if self.graphed:
            return torch.compile(network, mode="reduce-overhead", dynamic=False)
        return torch.compile(network, dynamic=False) if self.compiled else network

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in half precision inside, in a backend of half precision."""
        return torch.autocast(self.device.type, self.half) if self.half else nullcontext()

    def facts(self) -> dict[str, Any]:
        """Return device and arithmetic."""
        gpu = torch.cuda.get_device_name() if self.device.type == "cuda" else "CPU"
        arithmetic = str(self.half or torch.float32).removeprefix("torch.")
        return {
            "runs_on": [f"PyTorch, {gpu}"],
            "where": self.device.type,
            "arithmetic": arithmetic,
            "encoder_arithmetic": arithmetic,
        }


class Eager:
    """A model in PyTorch, see :class:`pgbench.processes.worker.Subject`; results are NumPy arrays, as the runtime's."""

    def __init__(self, mode: Mode, bundle: Bundle, name: str | None) -> None:
        self.mode, self.model = mode, find(bundle, name)
        self.digest = bundle.digest
        self.pool = ThreadPoolExecutor(torch.get_num_threads())
        self.network = mode.prepare(rebuild(bundle, self.model))
        if self.model.reads_text:
            # The bundle holds only the last part of an encoder's folder, which may exist in the current folder or not.
            encoder = load_encoder(self.model.provenance["run"]["encoder"])
            self.tokenizer, self.encoder = encoder.tokenizer, mode.prepare(encoder.network)

    def facts(self) -> dict[str, Any]:
        """Return device, arithmetic, model and bundle."""
        return self.mode.facts() | {"model": self.model.file, "bundle": self.digest}

    def encode(self, batch: int) -> Array:
        """Embed the texts of a batch."""
        options = {"padding": True, "truncation": True, "max_length": MAX_TOKENS, "return_tensors": "pt"}
        tokens = self.tokenizer(texts(batch), **options).to(self.mode.device)
        with torch.inference_mode(), self.mode.autocast():
            embeddings: Tensor = self.encoder(tokens["input_ids"], tokens["attention_mask"])
        return embeddings.float().cpu().numpy()

    def inputs(self, batch: int) -> dict[str, Array]:
        """Make the model's inputs."""
        return default_inputs(self.model, batch) | ({"text": self.encode(batch)} if self.model.reads_text else {})

    def draw(self, inputs: dict[str, Array]) -> Array:
        """Run the model; its first output."""
        tensors = [torch.from_numpy(inputs[tensor.name]).to(self.mode.device) for tensor in self.model.inputs]
        with torch.inference_mode(), self.mode.autocast():
            pictures: Tensor = self.network(*tensors)[0]
        return pictures.cpu().numpy()

    def parts(self, batch: int) -> dict[str, Work]:
        """Return the parts that can be timed; Pillow writes the PNGs, as in the runtime."""
        inputs = self.inputs(batch)
        encoder: dict[str, Work] = {"encoder": lambda: self.encode(batch)} if self.model.reads_text else {}
        return encoder | {
            "generator": lambda: self.draw(inputs),
            "end to end": lambda: to_pngs(to_images(self.draw(self.inputs(batch))), self.pool),
        }

    def rates(self, seconds: float) -> dict[str, float]:
        """Measure matrix products on the device, with TF32 on a GPU, and there the copying of memory too."""
        allowed = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            return self._rates(seconds)
        finally:  # later measurements report the arithmetic that they were set to
            torch.set_float32_matmul_precision(allowed)

    def _rates(self, seconds: float) -> dict[str, float]:
        device = self.mode.device
        halves = [torch.bfloat16] if device.type == "cpu" else list(HALVES.values())
        side = SIDE if device.type == "cpu" else 4 * SIDE
        rates = {}
        for dtype in (torch.float32, *halves):
            left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
            fastest = best(lambda left=left, right=right: _ended(left @ right), seconds)  # type: ignore[misc]
            rates[str(dtype).removeprefix("torch.")] = OPERATIONS * (side // SIDE) ** 3 / fastest
        if device.type == "cuda":
            source, target = (torch.zeros(2**30, dtype=torch.uint8, device=device) for _ in range(2))
            rates["copy"] = 2 * 2**30 / best(lambda: _ended(target.copy_(source)), seconds)
        return rates


def _ended(result: Tensor) -> None:
    if result.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    """Serve the subject that the command line names; an error is one line on standard error."""
    backend, folder, model, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    try:
        serve(lambda: Eager(Mode(backend), open_bundle(Path(folder)), model or None))
    except PokeganError as error:
        exit_with(error)


if __name__ == "__main__":
    main()
