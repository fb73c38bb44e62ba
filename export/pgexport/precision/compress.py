"""Smaller files, float32 arithmetic: large weights are stored narrow and widened when a session loads.

Tables become int8 with one scale a row, large matrices int8 with one for a few weights of a channel, all other weights
float16. Only plain operators are written (Cast, Mul, Reshape, Gather), which every runtime folds to constants at load.
DequantizeLinear would say the same, but ONNX Runtime 1.31 turns it and its product into MatMulNBits, whose
arithmetic is its own; the manifest promises float32.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SMALLEST = 4_096
"""Elements below which a weight stays float32: the small ones together take under 2 % of a bundle."""


class Int8(NamedTuple):
    """Which matrices become int8: of `smallest` elements or more; `block` weights of a channel share a scale.

    Convolutions of `smallest_conv` elements or more do, too, in blocks of `conv_block` weights; 0: none does.
    """

    smallest: int
    block: int
    smallest_conv: int = 0
    conv_block: int = 36


ENCODER = Int8(32_768, 32)
"""All large matrices: without them a bundle is twice as large. One scale a channel would be 3 % smaller, and 4 dB worse
from text to picture."""

GENERATOR = Int8(1_000_000, 8, 100_000, 36)
"""Its one dense layer or table of codes, and large convolutions, which are a third of the file and cost 0.5 dB.

The small matrices steer whole channels, and int8 cost 16 dB there. All other layers magnify the first one's errors:
with blocks of 32 a finished wgan missed its tolerance (99.9 % within 9.1, for 8), with 8 it has 7; its file grows by a
seventh."""

PRECISION = f"float32 arithmetic; int8 (a scale for {GENERATOR.block}, {ENCODER.block} or a row) and float16 weights"


def compress(model: ModelProto, int8: Int8) -> ModelProto:
    """Return a copy of `model` with tables, and the matrices that `int8` selects, as int8, other weights as float16."""
    compact = deepcopy(model)
    graph = compact.graph
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    widened: list[NodeProto] = []
    for initializer in list(graph.initializer):
        weight = numpy_helper.to_array(initializer)
        if weight.dtype != np.float32 or weight.size < SMALLEST or weight.ndim < 2:
            continue
        kinds = {node.op_type for node in users.get(initializer.name, [])}
        graph.initializer.remove(initializer)
        if kinds == {"Gather"}:
            _store_table(graph, users[initializer.name], initializer.name, weight)
        elif kinds <= {"MatMul", "Gemm"} and weight.size >= int8.smallest:
            # Gemm's weight holds an output channel in each row (transB), MatMul's in each column.
            widened += _store_int8(graph, initializer.name, weight, 0 if kinds == {"Gemm"} else 1, int8.block)
        elif kinds == {"Conv"} and 0 < int8.smallest_conv <= weight.size:
            flat = weight.reshape(len(weight), -1)
            widened += _store_int8(graph, initializer.name, flat, 0, int8.conv_block, weight.shape)
        else:
            widened += _store_float16(graph, initializer.name, weight)
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(compact, full_check=True)
    return compact


def _store_int8(
    graph: onnx.GraphProto,
    name: str,
    weight: NDArray[np.float32],
    channel: int,
    block: int,
    shape: tuple[int, ...] | None = None,
) -> list[NodeProto]:
    """Store a matrix in blocks along its channels (0: rows, 1: columns); the nodes that widen it again, to `shape`."""
    parts = weight.reshape(_blocks(weight.shape, channel, block))
    scale = np.maximum(np.abs(parts).max(2 - channel, keepdims=True) / 127, 1e-7).astype(np.float16)
    values = np.rint(parts / scale.astype(np.float32)).clip(-127, 127)  # a scale may have been rounded down
    _add(graph, f"{name}.int8", values.astype(np.int8))
    _add(graph, f"{name}.scale", scale)
    _add(graph, f"{name}.shape", np.array(shape or weight.shape, np.int64))
    return [
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], name=f"{name}/widen", to=TensorProto.FLOAT),
        helper.make_node("Cast", [f"{name}.scale"], [f"{name}.wide"], name=f"{name}/widen_scale", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", f"{name}.wide"], [f"{name}.blocks"], name=f"{name}/scale"),
        helper.make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [name], name=f"{name}/join"),
    ]


def _blocks(shape: tuple[int, ...], channel: int, block: int) -> tuple[int, int, int]:
    """Split a matrix's other side than its channels into blocks of B: (R, C / B, B) or (R / B, B, C)."""
    rows, columns = shape
    size = block if shape[1 - channel] % block == 0 else shape[1 - channel]
    return (rows // size, size, columns) if channel else (rows, columns // size, size)


def _store_float16(graph: onnx.GraphProto, name: str, weight: NDArray[np.float32]) -> list[NodeProto]:
    _add(graph, f"{name}.float16", weight.astype(np.float16))
    cast = helper.make_node("Cast", [f"{name}.float16"], [name], name=f"{name}/widen", to=TensorProto.FLOAT)
    return [cast]


def _store_table(graph: onnx.GraphProto, gathers: list[NodeProto], name: str, weight: NDArray[np.float32]) -> None:
    """Store an embedding table; rows are widened after they are gathered, never the whole table."""
    scale = np.maximum(np.abs(weight).max(1, keepdims=True) / 127, np.float32(1e-12))
    _add(graph, f"{name}.int8", np.rint(weight / scale).astype(np.int8))
    _add(graph, f"{name}.scale", scale)
    for gather in gathers:
        row, output, ids = f"{gather.name}/row", gather.output[0], gather.input[1]
        at = list(graph.node).index(gather)
        graph.node.remove(gather)
        parts = [
            helper.make_node("Gather", [f"{name}.int8", ids], [f"{row}.int8"], name=row, axis=0),
            helper.make_node("Gather", [f"{name}.scale", ids], [f"{row}.scale"], name=f"{row}/scale", axis=0),
            helper.make_node("Cast", [f"{row}.int8"], [f"{row}.cast"], name=f"{row}/widen", to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{row}.cast", f"{row}.scale"], [output], name=f"{row}/scaled"),
        ]
        for offset, node in enumerate(parts):
            graph.node.insert(at + offset, node)


def _add(graph: onnx.GraphProto, name: str, values: NDArray[np.generic]) -> None:
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))


def weights(model: ModelProto) -> dict[str, NDArray[np.float32]]:
    """Read every float weight of `model` under its PyTorch name, widened again if it was stored narrow."""
    stored = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    widened_weights = _dequantized(model, stored)
    for name, values in stored.items():
        if name.endswith(".int8"):
            base = name.removesuffix(".int8")
            wide = values.astype(np.float32) * stored[f"{base}.scale"].astype(np.float32)
            widened_weights[base] = wide.reshape(stored.get(f"{base}.shape", np.array(wide.shape)))
        elif not name.endswith((".scale", ".shape")):
            widened_weights[name.removesuffix(".float16")] = values.astype(np.float32)
    return widened_weights


def _dequantized(model: ModelProto, stored: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """Widen what static int8 quantized: weights with a scale for each of the first dimension, and zero points of 0."""
    widened_weights: dict[str, NDArray[np.float32]] = {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            values, scale = (stored[name].astype(np.float32) for name in node.input[:2])
            shape = scale.shape + (1,) * (values.ndim - scale.ndim)
            widened_weights[node.input[0].removesuffix("_quantized")] = values * scale.reshape(shape)
    return widened_weights
