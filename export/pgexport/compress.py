"""Smaller files, float32 arithmetic: large weights are stored narrow and widened when a session loads.

Tables and large matrices become int8 with one scale a channel, all other weights float16. Only plain
operators are written (Cast, Mul, Gather), which every runtime folds into float32 constants at load.
DequantizeLinear would say the same, but ONNX Runtime 1.31 turns it and its product into MatMulNBits, whose
arithmetic is its own; the manifest promises float32.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SMALLEST = 4_096
"""Elements below which a weight stays float32: the small ones together take under 2 % of a bundle."""

INT8_ENCODER = 32_768
"""Elements from which a matrix of the encoder becomes int8: all that count, or a bundle has twice the size."""

INT8_GENERATOR = 1_000_000
"""The same for a generator: its one dense layer. The small matrices steer whole channels; int8 cost 16 dB there."""

PRECISION = "float32 arithmetic; int8 (per channel) and float16 weights"


def compress(model: ModelProto, int8_from: int) -> ModelProto:
    """Return a copy of `model` with tables and matrices of `int8_from` elements as int8, other weights as float16."""
    compact = ModelProto()
    compact.CopyFrom(model)
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
        elif kinds <= {"MatMul", "Gemm"} and weight.size >= int8_from:
            # Gemm's weight holds an output channel in each row (transB), MatMul's in each column.
            widened += _store_int8(graph, initializer.name, weight, channel=0 if kinds == {"Gemm"} else 1)
        else:
            widened += _store_float16(graph, initializer.name, weight)
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(compact, full_check=True)
    return compact


def _quantize(weight: NDArray[np.float32], channel: int = 0) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 with one scale a `channel` (0: rows, 1: columns): values (R, C), scales (R, 1) or (1, C)."""
    scale = np.maximum(np.abs(weight).max(1 - channel, keepdims=True) / 127, np.float32(1e-12))
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _store_int8(graph: onnx.GraphProto, name: str, weight: NDArray[np.float32], channel: int) -> list[NodeProto]:
    values, scale = _quantize(weight, channel)
    _add(graph, f"{name}.int8", values)
    _add(graph, f"{name}.scale", scale)
    cast = helper.make_node("Cast", [f"{name}.int8"], [f"{name}.cast"], name=f"{name}/widen", to=TensorProto.FLOAT)
    scaled = helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name], name=f"{name}/scale")
    return [cast, scaled]


def _store_float16(graph: onnx.GraphProto, name: str, weight: NDArray[np.float32]) -> list[NodeProto]:
    _add(graph, f"{name}.float16", weight.astype(np.float16))
    cast = helper.make_node("Cast", [f"{name}.float16"], [name], name=f"{name}/widen", to=TensorProto.FLOAT)
    return [cast]


def _store_table(graph: onnx.GraphProto, gathers: list[NodeProto], name: str, weight: NDArray[np.float32]) -> None:
    """Store an embedding table; rows are widened after they are gathered, never the whole table."""
    values, scale = _quantize(weight)
    _add(graph, f"{name}.int8", values)
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
    found: dict[str, NDArray[np.float32]] = {}
    for name, values in stored.items():
        if name.endswith(".int8"):
            base = name.removesuffix(".int8")
            found[base] = values.astype(np.float32) * stored[f"{base}.scale"]
        elif not name.endswith(".scale"):
            found[name.removesuffix(".float16")] = values.astype(np.float32)
    return found
