"""A bundle becomes a model repository for NVIDIA's Triton Inference Server.

Each network is a model of Triton's ONNX Runtime backend, with the bundle's names, types and shapes, dynamic batching
and warm-up; where the bundle has a TensorRT engine of it, also one of the TensorRT backend. Tokens, latents and PNG
are Python models, see :mod:`pgen.triton`. Two ensembles for each generator of pictures join them:
a prompt and seeds in, PNG files or pixels out.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgen.bundle.engines import EngineInfo, plan_path, read_engine
from pgen.bundle.reader import MANIFEST, Bundle, Model, Tensor, open_bundle
from pgen.errors import BundleInvalid
from pgexport import atomic
from pgexport.targets.triton.config import instances, port, row, same, step, warm_up
from pgexport.targets.triton.pbtxt import Message, Value, dump, pairs
from pokegan import __version__

MARK = "pokegan.json"
"""File of the repository that records its bundle and version; Triton itself reads the folders only."""

MOST = 64
"""Rows that a network computes at once where its manifest lists no verified batches."""

DELAYS = {"encoder": 500}
"""Microseconds that a request waits for others to share its batch, by kind of model."""

DELAY = 2000
"""For every other kind: a small part of the time that one picture takes on a CPU."""

WARM_BATCHES = (1, 8)

PLACES = {"config.pbtxt": "KIND_AUTO", "configs/cpu.pbtxt": "KIND_CPU", "configs/gpu.pbtxt": "KIND_GPU"}
"""Where one instance of a network runs, by configuration: on every GPU that the server sees, or on the CPU if it sees
none; always on the CPU; on GPUs or not at all. The server's option --model-config-name chooses."""

GPU_PLACES = {"config.pbtxt": "KIND_GPU", "configs/gpu.pbtxt": "KIND_GPU"}
"""The same for a network in bf16, which ONNX Runtime's CPU provider cannot run."""

BYTES: Any = "bytes"
"""A type that Triton has and bundles lack."""

PROMPT = Tensor("prompt", BYTES, [1])
SEED, ONE_SEED = Tensor("seed", "uint64", ["pictures"]), Tensor("seed", "uint64", [1])
PNG = Tensor("png", BYTES, ["pictures"])

SOURCE = """# The code is pgen's, installed in the server's image.
from pgen.triton import {step}

TritonPythonModel = {step}
"""


def write_repository(bundle: Path, out: Path, force: bool = False) -> list[str]:
    """Write the bundle in `bundle` as a model repository to `out`; return the names of its ensembles.

    Args:
        bundle: folder of the bundle.
        out: folder to make; its parent must exist.
        force: replace a repository that is there.

    Raises:
        BundleNotFound, BundleInvalid: there is nothing to serve.
        TargetInvalid: `out` exists, or cannot be written.
    """
    check_target(out, force)
    opened = open_bundle(bundle)
    with atomic.atomic_folder(out) as staged:
        ensembles = _Repository(opened, staged).write()
    return ensembles


def check_target(out: Path, force: bool = False) -> None:
    """Check that a repository can be written to `out`.

    Raises:
        TargetInvalid: it cannot.
    """
    atomic.check_target(out, "repository", "" if (out / MARK).is_file() else f"it has no {MARK}", force)


class _Repository:
    """Writes the models of one bundle into an empty folder."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.bundle, self.folder = bundle, folder
        self.models = bundle.manifest.models
        self.encoder = next((name for name, model in self.models.items() if model.kind == "encoder"), "")
        self.engines = {
            name: read_engine(bundle, name)
            for name in self.models
            if os.path.isfile(plan_path(bundle, name))  # noqa: PTH113 (pathlib's raises where it may not look)
        }

    def write(self) -> list[str]:
        """Write every model; return the names of the ensembles."""
        for name, model in self.models.items():
            self._network(name, model)
        drawing = {
            name: model
            for name, model in self.models.items()
            if model.draws_pictures and (self.encoder or not model.reads_text)
        }
        if self.encoder:
            self._tokenizer(self.models[self.encoder])
        for name, model in drawing.items():
            self._latents(name, model)
        if drawing:
            self._png(next(iter(drawing.values())))
        ensembles = [ensemble for name, model in drawing.items() for ensemble in self._ensembles(name, model)]
        mark = {"bundle": self.bundle.digest, "pokegan": __version__, "ensembles": ensembles}
        (self.folder / MARK).write_text(json.dumps(mark, indent=1) + "\n", "utf-8")
        return ensembles

    def _network(self, name: str, model: Model) -> None:
        """Write a model of the bundle: its graph as it is, and a configuration for each choice of device."""
        folder = self._folder(name)
        (folder / "configs").mkdir()
        (folder / "1" / "model.onnx").write_bytes(self.bundle.graph(model))
        rows, most = [row(tensor) for tensor in model.inputs], _together(model)
        warm = [warm_up(folder, rows, batch) for batch in WARM_BATCHES if batch <= most]
        named: Message = {"name": name}
        ports: Message = {
            "input": [port(tensor) for tensor in rows],
            "output": [port(row(tensor)) for tensor in model.outputs],
        }
        delay = DELAYS.get(model.kind, DELAY)
        onnx: Message = {"backend": "onnxruntime", "max_batch_size": most, "model_warmup": [*warm]}
        if most > 1:
            onnx["dynamic_batching"] = {"max_queue_delay_microseconds": delay}
        if _alone(model):
            onnx["parameters"] = pairs({"intra_op_thread_count": {"string_value": "1"}})  # as pgen has it
        for place, kind in (GPU_PLACES if model.parity.get("storage") == "bf16" else PLACES).items():
            (folder / place).write_text(dump(named | onnx | ports | instances(1, kind)), "utf-8")
        if name in self.engines:
            info, plan = self.engines[name]
            (folder / "1" / "model.plan").write_bytes(plan)
            config = named | _engine(folder, model, info, delay) | ports | instances(1, "KIND_GPU")
            (folder / "configs" / "tensorrt.pbtxt").write_text(dump(config), "utf-8")

    def _tokenizer(self, encoder: Model) -> None:
        """Write the model that turns a prompt into the inputs of `encoder`."""
        outputs = [Tensor(tensor.name, tensor.dtype, [1, "tokens"]) for tensor in encoder.inputs]
        self._python("tokenizer", "Tokenizer", [PROMPT], outputs, [PROMPT], ["tokenizer.json"])

    def _latents(self, name: str, model: Model) -> None:
        """Write the model that turns seeds and an embedding into the inputs of generator `name`."""
        texts: list[Tensor] = []
        if model.reads_text:
            (embedding,) = self.models[self.encoder].outputs
            texts = [PROMPT, Tensor(embedding.name, embedding.dtype, [1, *embedding.shape[1:]])]
        stored = [file for file in self.bundle.manifest.files if texts and file in ("names.json", "names.npy")]
        most = _largest_batch(model)
        if name in self.engines:
            most = min(most, self.engines[name][0].options.batches[2])
        parameters = {"generator": name, "most": str(most)}
        inputs, warm = [SEED, *texts], [ONE_SEED, *texts]
        self._python(f"{name}_latents", "Latents", inputs, model.inputs, warm, stored, parameters)

    def _png(self, model: Model) -> None:
        """Write the model that turns pictures of any size into PNG files; it is warmed up with those of `model`."""
        pictures = _pictures(model)
        anything = replace(pictures, shape=["pictures", "height", "width", "channels"])
        warm = [replace(pictures, shape=[1, *pictures.shape[1:]]), ONE_SEED, PROMPT]
        self._python("png", "Png", [anything, SEED, PROMPT], [PNG], warm, optional=("prompt",))

    def _python(
        self,
        name: str,
        step: str,
        inputs: list[Tensor],
        outputs: list[Tensor],
        warm: list[Tensor],
        files: Sequence[str] = (),
        parameters: dict[str, str] | None = None,
        optional: Sequence[str] = (),
    ) -> None:
        """Write a Python model: a class of pgen.triton with its `parameters`, and the `files` of the bundle it reads.

        `warm` are the inputs of its warm-up, without dimensions that vary; `optional` names inputs that may be missing.
        """
        folder = self._folder(name)
        (folder / "1" / "model.py").write_text(SOURCE.format(step=step), "utf-8")
        place = folder / "1" / "bundle"
        place.mkdir()
        (place / MANIFEST).write_bytes((self.bundle.folder / MANIFEST).read_bytes())
        for file in files:
            (place / file).write_bytes(self.bundle.read(file))
        config: Message = {
            "name": name,
            "backend": "python",
            "max_batch_size": 0,
            "input": [port(tensor, tensor.name in optional) for tensor in inputs],
            "output": [port(tensor) for tensor in outputs],
            "parameters": pairs({key: {"string_value": value} for key, value in (parameters or {}).items()}),
            "model_warmup": [warm_up(folder, warm, 1)],
        }
        (folder / "config.pbtxt").write_text(dump(config | instances(2, "KIND_CPU")), "utf-8")

    def _ensembles(self, name: str, model: Model) -> list[str]:
        """Join the models around generator `name`, once to PNG files and once to pixels; return the names.

        One ensemble with both outputs would not do: Triton (2.51) prunes the steps of an output that a request
        does not ask for, and with them those of a tensor that is an output and another step's input too.
        """
        inputs, seeds = [SEED], same([SEED])
        steps: list[Value] = []
        if model.reads_text:
            inputs, encoder = [PROMPT, SEED], self.models[self.encoder]
            tokens, embedding = same(encoder.inputs), same(encoder.outputs)
            steps += [step("tokenizer", same([PROMPT]), tokens), step(self.encoder, tokens, embedding)]
            seeds = same(inputs) | embedding
        steps.append(step(f"{name}_latents", seeds, same(model.inputs)))
        steps.append(step(name, same(model.inputs), {"pictures": "pixels"}))
        png = step("png", {"pictures": "pixels"} | same(inputs), same([PNG]))
        pixels = replace(_pictures(model), name="pixels")
        return [
            self._ensemble(f"{name}_png", inputs, PNG, [*steps, png]),
            self._ensemble(f"{name}_pixels", inputs, pixels, steps),
        ]

    def _ensemble(self, name: str, inputs: list[Tensor], output: Tensor, steps: list[Value]) -> str:
        config: Message = {
            "name": name,
            "platform": "ensemble",
            "max_batch_size": 0,
            "input": [port(tensor) for tensor in inputs],
            "output": [port(output)],
            "ensemble_scheduling": {"step": steps},
        }
        (self._folder(name) / "config.pbtxt").write_text(dump(config), "utf-8")
        return name

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or folder.exists():
            raise BundleInvalid(f"{self.bundle.folder}: Triton can have no model called {name!r}; export it anew")
        (folder / "1").mkdir(parents=True)
        return folder


def _engine(folder: Path, model: Model, info: EngineInfo, delay: int) -> Message:
    """Configure a model for its TensorRT engine; the server finds out whether its GPU can run it."""
    smallest, usual, largest = (min(batch, _together(model)) for batch in info.options.batches)
    inputs = [row(tensor) for tensor in model.inputs]
    config: Message = {
        "backend": "tensorrt",
        "max_batch_size": largest,
        "model_warmup": [warm_up(folder, inputs, batch) for batch in sorted({smallest, usual})],
    }
    if largest > 1:
        config["dynamic_batching"] = {"preferred_batch_size": [usual], "max_queue_delay_microseconds": delay}
    return config


def _largest_batch(model: Model) -> int:
    """The largest batch whose rows the export proved equal to those of other batches."""
    return int(max(model.parity.get("batches") or [MOST]))


def _alone(model: Model) -> bool:
    """Whether rows are computed one at a time, in one thread; encoders always are, because a GPU's kernels vary."""
    return model.kind == "encoder" or bool(model.settings.get("alone"))


def _together(model: Model) -> int:
    """How many rows of several requests may share a batch: one where a neighbor would change a row's bits."""
    return 1 if _alone(model) else _largest_batch(model)


def _pictures(model: Model) -> Tensor:
    (pictures,) = (tensor for tensor in model.outputs if tensor.name == "pictures")
    return pictures
