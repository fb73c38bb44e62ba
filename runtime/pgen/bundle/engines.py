"""TensorRT engines of a bundle: ``engines/NAME.plan``, and a JSON sidecar that describes where it runs.

An engine is machine code for one version of TensorRT and one GPU architecture, so it belongs to the machine that built
it and is not in the manifest. The sidecar has the checksum of the model file that it was built from.
"""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from pgen.bundle.manifest import Batch, Model, version_of
from pgen.bundle.reader import Bundle, read_file
from pgen.bundle.schema import decode, encode
from pgen.errors import BundleInvalid, EngineInvalid, EngineNotFound, EngineOutdated
from pokegan.errors import one_line

FOLDER = "engines"
FORMAT = 1

MAX_SIDECAR, MAX_PLAN = 16 * 2**20, 2**32
"""Maximum sizes of a sidecar and an engine in bytes. An engine holds the weights of an ONNX file, at most 2 GiB, and
TensorRT's code."""

BATCHES = (1, 8, 64)
"""Default of the smallest, usual and largest batch of an engine."""

TYPICAL_TOKENS = 16
"""Number of tokens for which an encoder's engine is optimized; a sentence of a prompt has 6 to 20."""

Length = Annotated[int, range(1, 2**24 + 1)]

Profile = dict[str, list[list[Length]]]
"""Smallest, usual and largest shape of each input."""


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is built.

    `batches` are its smallest, usual and largest batch; `workspace` is the memory in MiB that it may use for
    intermediate results (None: all of the GPU's). `version_compatible` engines also run under newer versions of
    TensorRT, `hardware_compatible` ones on every GPU from Ampere on; both can be slower.
    """

    batches: tuple[Batch, Batch, Batch] = BATCHES
    workspace: Annotated[int, range(1, 2**31 + 1)] | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False


@dataclass(frozen=True)
class EngineInfo:
    """The contents of a sidecar: TensorRT's version, the GPU, the profile, SHA-256 of model and plan, options, parity.

    `compute_capability` is written as "9.0"; `parity` are the figures against ONNX Runtime on the CPU.
    """

    model: str
    tensorrt: str
    gpu: str
    compute_capability: str
    profile: Profile
    onnx_sha256: str
    plan_sha256: str
    options: EngineOptions
    parity: dict[str, float]
    format: int = FORMAT

    def to_json(self) -> str:
        """Serialize, readable and in a stable order."""
        return encode(self)


def plan_path(bundle: Bundle, name: str) -> Path:
    """Return the path of the engine of model `name`; the sidecar has the suffix .json instead.

    Raises:
        BundleInvalid: no file can have that name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise BundleInvalid(f"{bundle.folder}: the model name {name!r} cannot be a file name; export the bundle again")
    return bundle.folder / FOLDER / f"{name}.plan"


def profile_of(model: Model, batches: tuple[int, int, int]) -> Profile:
    """Derive the shapes of an engine's profile: a variable first dimension is the batch, any other the tokens."""
    tokens = int(model.settings.get("max_tokens", TYPICAL_TOKENS))
    lengths = (1, min(TYPICAL_TOKENS, tokens), tokens)
    return {
        tensor.name: [
            [
                size if isinstance(size, int) else (lengths if axis else batches)[at]
                for axis, size in enumerate(tensor.shape)
            ]
            for at in range(3)
        ]
        for tensor in model.inputs
    }


def engine_names(bundle: Bundle) -> list[str]:
    """List the models of which ``engines/`` has a plan or a sidecar."""
    files = (bundle.folder / FOLDER).glob("*")
    return sorted({path.stem for path in files if path.suffix in (".plan", ".json") and not path.name.startswith(".")})


def read_info(bundle: Bundle, name: str) -> EngineInfo:
    """Read the sidecar of model `name`, without opening the plan.

    Raises:
        EngineNotFound: there is no engine, or no sidecar beside it.
        EngineInvalid: the sidecar is damaged.
        BundleInvalid: it cannot be read.
    """
    plan = plan_path(bundle, name)
    sidecar = plan.with_suffix(".json")
    for path in (plan, sidecar):
        if not os.path.isfile(path):  # noqa: PTH113 (pathlib's raises where a folder cannot be entered)
            raise EngineNotFound(f"{path}: not found", bundle.folder, EngineOptions())
    outdated = partial(EngineOutdated, folder=bundle.folder, options=EngineOptions())
    content = _read(sidecar, MAX_SIDECAR, outdated)
    try:
        if (version := version_of(content)) != FORMAT:
            fault = f"{sidecar}: format {version}, but this version reads format {FORMAT}"
            if version < FORMAT:
                raise outdated(fault)
            raise EngineInvalid(f"{fault}; upgrade with: pip install -U pokegan")
        info = decode(content, EngineInfo)
        if not re.fullmatch(r"[\w.+-]{1,64}", info.tensorrt):
            raise ValueError("tensorrt must be a version")
        if list(info.options.batches) != sorted(info.options.batches):
            raise ValueError("batches must be in ascending order")
        return info
    except ValueError as error:
        if isinstance(error, EngineInvalid):
            raise
        raise outdated(f"{sidecar}: damaged ({one_line(error)})") from error


def read_engine(bundle: Bundle, name: str) -> tuple[EngineInfo, bytes]:
    """Read the engine of model `name` and its sidecar, checked against each other and against the model's file.

    Raises:
        EngineNotFound: there is no engine, or no sidecar beside it.
        EngineInvalid: it is damaged, too large, or was built from another model file.
        BundleInvalid: it cannot be read.
    """
    plan = plan_path(bundle, name)
    sidecar = plan.with_suffix(".json")
    info = read_info(bundle, name)
    if name not in bundle.manifest.models:
        raise EngineInvalid(f"{plan}: the bundle has no model {name!r}; delete the engine")
    outdated = partial(EngineOutdated, folder=bundle.folder, options=info.options)
    if info.model != name:
        raise outdated(f"{sidecar}: describes the engine of {info.model!r}")
    content = _read(plan, MAX_PLAN, outdated)
    if hashlib.sha256(content).hexdigest() != info.plan_sha256:
        raise outdated(f"{plan}: not the engine that {sidecar.name} describes")
    if info.onnx_sha256 != bundle.manifest.files[bundle.manifest.models[name].file].sha256:
        raise outdated(f"{plan}: built from another {bundle.manifest.models[name].file}")
    return info, content


def _read(path: Path, most: int, outdated: Callable[[str], EngineOutdated]) -> bytes:
    size, content = read_file(path, most)
    if size > most:
        raise outdated(f"{path}: larger than the limit of {most:,} bytes")
    return content


def check_runs(bundle: Bundle, info: EngineInfo, version: str, gpu: str, capability: tuple[int, int]) -> None:
    """Check that an engine runs under TensorRT `version` on `gpu` of compute capability `capability`.

    Raises:
        EngineOutdated: it was built for another version or architecture.
    """
    plan = plan_path(bundle, info.model)
    outdated = partial(EngineOutdated, folder=bundle.folder, options=info.options)
    built, here = release(info.tensorrt), release(version)
    if built != here and not (info.options.version_compatible and built < here):
        raise outdated(f"{plan}: built by TensorRT {info.tensorrt}, but this is {version}")
    present = ".".join(map(str, capability))
    fits = capability >= (8, 0) if info.options.hardware_compatible else present == info.compute_capability
    if not fits:
        reason = f"built for {info.gpu} (compute capability {info.compute_capability}), but this is {gpu} ({present})"
        raise outdated(f"{plan}: {reason}")


def release(version: str) -> tuple[int, ...]:
    """Split a version of TensorRT into numbers, without the suffix of a package: "10.6.0.post1" is 10.6.0."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition(".post")[0]))
