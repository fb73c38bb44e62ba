"""Pieces of Triton's model configurations, made from the tensors of a bundle.

The schema is Triton's model_config.proto, explained in its docs/user_guide/model_configuration.md.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pgen.bundle.reader import Tensor
from pgexport.targets.triton.pbtxt import Message, Value, Word, pairs

TYPES = {
    "bool": "TYPE_BOOL",
    "float16": "TYPE_FP16",
    "bfloat16": "TYPE_BF16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
    "bytes": "TYPE_STRING",
} | {f"{sign}int{bits}": f"TYPE_{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
"""Triton's names of NumPy's types; "bytes" is ours, for strings."""

ZEROS = ("float16", "bfloat16", "float32", "float64", "uint8")
"""Types that are warmed up with zeros. The rest are token ids, masks and seeds, which are warmed up with ones: a mask
of zeros would leave nothing to average, and random numbers are no token ids."""

WARM_LENGTH = 8
"""Tokens, or the length of any other dimension that varies, in the sample of a warm-up."""

WARM_PROMPT = struct.pack("<I", 9) + b"Charizard"
"""A string as a warm-up file holds it: its length in four bytes, then itself."""


def same(tensors: Sequence[Tensor]) -> dict[str, str]:
    """Map the names of `tensors` to themselves, for an ensemble that uses the same names."""
    return {tensor.name: tensor.name for tensor in tensors}


def row(tensor: Tensor) -> Tensor:
    """Leave out the dimension of the batch, which Triton adds itself."""
    return replace(tensor, shape=tensor.shape[1:])


def port(tensor: Tensor, optional: bool = False) -> Message:
    """Describe an input or output."""
    dims: list[Value] = [-1 if isinstance(size, str) else size for size in tensor.shape]
    described: Message = {"name": tensor.name, "data_type": Word(TYPES[tensor.dtype]), "dims": dims}
    return described | {"optional": Word("true")} if optional else described


def instances(count: int, kind: str) -> Message:
    """Request `count` instances on each device of `kind`."""
    return {"instance_group": {"count": count, "kind": Word(kind)}}


def step(model: str, inputs: dict[str, str], outputs: dict[str, str]) -> Message:
    """Describe a step of an ensemble: the model's names of its tensors to the ensemble's."""
    described: Message = {"model_name": model, "model_version": -1}
    return described | {"input_map": pairs(dict(inputs)), "output_map": pairs(dict(outputs))}


def warm_up(folder: Path, inputs: Sequence[Tensor], batch: int) -> Message:
    """Describe a sample that the server runs before it is ready; write its files into `folder`."""
    samples: Message = {tensor.name: _sample(folder, tensor) for tensor in inputs}
    return {"name": f"batch of {batch}", "batch_size": batch, "inputs": pairs(samples)}


def _sample(folder: Path, tensor: Tensor) -> Message:
    shape = [WARM_LENGTH if isinstance(size, str) else size for size in tensor.shape]
    dims: list[Value] = list(shape)
    sample: Message = {"data_type": Word(TYPES[tensor.dtype]), "dims": dims}
    if tensor.dtype in ZEROS:
        return sample | {"zero_data": Word("true")}
    (folder / "warmup").mkdir(exist_ok=True)
    content = WARM_PROMPT if str(tensor.dtype) == "bytes" else np.ones(shape, tensor.dtype).tobytes()
    (folder / "warmup" / tensor.name).write_bytes(content)
    return sample | {"input_data_file": tensor.name}
