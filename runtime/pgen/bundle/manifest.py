"""Is a manifest, or an engine's sidecar, what it should be? Types and ranges of all that is read of them."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgen.bundle.engines import EngineInfo
    from pgen.bundle.reader import Manifest, Model, Tensor

MOST = {"latent_dim": 2**16, "max_tokens": 2**16, "side": 2**14, "batch": 2**16, "length": 2**24, "workspace": 2**31}
"""The largest numbers that are believed; beyond, memory would run out before anything is said."""

DTYPES = {"bool", "float16", "bfloat16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
"""NumPy's names of the types that inputs and outputs may have."""


def check_manifest(manifest: "Manifest") -> None:
    """Check types and ranges.

    Raises:
        ValueError: one of them is not what it should be; the message names it.
    """
    for name, entry in manifest.files.items():
        _check(name, f"name of file {name!r}", str)
        _check(entry.bytes, f"bytes of {name}", int)
        _check(entry.sha256, f"sha256 of {name}", str)
    for name, model in manifest.models.items():
        _check_model(name, model)


def _check_model(name: str, model: "Model") -> None:
    for field in ("kind", "file", "precision"):
        _check(getattr(model, field), f"{field} of {name}", str)
    for field in ("settings", "parity", "provenance"):
        _check(getattr(model, field), f"{field} of {name}", dict)
    _check(model.opset, f"opset of {name}", int)
    _check_parity(name, model.parity)
    _check_provenance(name, model.provenance)
    for tensor in (*model.inputs, *model.outputs):
        _check_tensor(name, tensor)
    if model.kind == "encoder":
        _check_range(model.settings.get("max_tokens"), f"max_tokens of {name}", MOST["max_tokens"])
        _check_has(model.inputs, ("input_ids", "attention_mask"), name)
        _check_has(model.outputs, ("sentence_embedding",), name)
    elif model.kind.endswith("-to-image"):
        _check_range(model.settings.get("latent_dim"), f"latent_dim of {name}", MOST["latent_dim"])
        _check_has(model.inputs, ("latent",), name)
        _check_has(model.outputs, ("pictures",), name)
        for tensor in model.outputs:
            _check_range(tensor.shape[1] if len(tensor.shape) == 4 else None, f"side of {name}", MOST["side"])


def _check_tensor(model: str, tensor: "Tensor") -> None:
    _check(tensor.name, f"name of a tensor of {model}", str)
    _check(tensor.dtype, f"dtype of {tensor.name} of {model}", str)
    if tensor.dtype not in DTYPES:
        raise ValueError(f"dtype of {tensor.name} of {model} is {tensor.dtype!r}, none that tensors have")
    _check(tensor.shape, f"shape of {tensor.name} of {model}", list)
    for length in tensor.shape:
        if not isinstance(length, int | str):
            raise ValueError(f"shape of {tensor.name} of {model} is neither number nor name")


def _check_parity(name: str, parity: dict[str, Any]) -> None:
    _check(parity.get("storage", ""), f"storage of {name}", str)
    for batch in _given(parity, "batches", list, f"parity of {name}"):
        _check_range(batch, f"a batch in the parity of {name}", MOST["batch"])
    figures = parity.get("figures", parity)  # in format 1 they stood beside the rest
    _check(figures, f"figures in the parity of {name}", dict)
    for figure, told in figures.items():
        if isinstance(told, dict) and ("measured" in told or figures is not parity):
            _check_number(told["measured"], f"{figure} of {name}")
            if told["limit"] is not None:
                _check_number(told["limit"], f"limit of {figure} of {name}")
        elif figures is not parity:
            raise ValueError(f"{figure} of {name} is no figure")


def _check_provenance(name: str, provenance: dict[str, Any]) -> None:
    what = f"provenance of {name}"
    for part in ("metrics", "evaluation"):
        _given(provenance, part, dict, what)
    run, export = (_given(provenance, part, dict, what) for part in ("run", "export"))
    if "data" in run:
        _check(_given(run, "data", dict, f"run of {name}")["digest"], f"digest in the run of {name}", str)
        _check(run["system"], f"system in the run of {name}", str)
        for number in ("seed", "epoch", *(["epochs"] if run.get("epochs") is not None else [])):
            _check(run[number], f"{number} in the run of {name}", int)
    _given(export, "versions", dict, what)
    if "graph" in export:
        graph = _given(export, "graph", dict, what)
        _check(graph["nodes"]["all"], f"nodes in the {what}", dict)
        _check(_given(graph, "int8", dict, what).get("reason", ""), f"reason of int8 in the {what}", str)


def check_engine(info: "EngineInfo") -> None:
    """Check types and ranges of what an engine's sidecar says.

    Raises:
        ValueError: one of them is not what it should be; the message names it.
    """
    for field in ("model", "tensorrt", "gpu", "compute_capability", "onnx_sha256", "plan_sha256"):
        _check(getattr(info, field), field, str)
    if not re.fullmatch(r"[\w.+-]{1,64}", info.tensorrt):
        raise ValueError("tensorrt is no version")
    _check_profile(info.profile)
    for batch in info.options.batches:
        _check_range(batch, "a batch", MOST["batch"])
    if list(info.options.batches) != sorted(info.options.batches):
        raise ValueError("batches do not rise")
    if info.options.workspace is not None:
        _check_range(info.options.workspace, "workspace", MOST["workspace"])
    for field in ("version_compatible", "hardware_compatible"):
        _check(getattr(info.options, field), field, bool)
    _check(info.parity, "parity", dict)
    for figure, value in info.parity.items():
        _check_number(value, figure)


def _check_profile(profile: Any) -> None:
    _check(profile, "profile", dict)
    for name, shapes in profile.items():
        _check(shapes, f"profile of {name}", list)
        for shape in shapes:
            _check(shape, f"shape in the profile of {name}", list)
            for length in shape:
                _check_range(length, f"length in the profile of {name}", MOST["length"])


def _given(values: dict[str, Any], key: str, kind: type, what: str) -> Any:
    """Take what may be missing: an empty one then."""
    value = values.get(key, kind())
    _check(value, f"{key} in the {what}", kind)
    return value


def _check(value: Any, what: str, kind: type) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{what} is no {kind.__name__}")


def _check_number(value: Any, what: str) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or (isinstance(value, int) and abs(value) > 2**53):
        raise ValueError(f"{what} is no number")


def _check_range(value: Any, what: str, most: int) -> None:
    _check(value, what, int)
    if not 1 <= value <= most:
        raise ValueError(f"{what} is not from 1 to {most}")


def _check_has(tensors: Iterable["Tensor"], names: Iterable[str], model: str) -> None:
    for missing in set(names) - {tensor.name for tensor in tensors}:
        raise ValueError(f"{model} has no {missing}")
