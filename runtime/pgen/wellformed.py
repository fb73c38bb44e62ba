"""Is a manifest what it should be, value by value? Types and ranges of all that a runtime reads of it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgen.bundle import Manifest, Model, Tensor

MOST = {"latent_dim": 2**16, "max_tokens": 2**16, "side": 2**14}
"""The largest numbers that are believed; beyond, memory would run out before anything is said."""


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
    _check(tensor.shape, f"shape of {tensor.name} of {model}", list)
    for length in tensor.shape:
        if not isinstance(length, int | str):
            raise ValueError(f"shape of {tensor.name} of {model} is neither number nor name")


def _check(value: Any, what: str, kind: type) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{what} is no {kind.__name__}")


def _check_range(value: Any, what: str, most: int) -> None:
    _check(value, what, int)
    if not 1 <= value <= most:
        raise ValueError(f"{what} is not from 1 to {most}")


def _check_has(tensors: Iterable["Tensor"], names: Iterable[str], model: str) -> None:
    for missing in set(names) - {tensor.name for tensor in tensors}:
        raise ValueError(f"{model} has no {missing}")
