"""Smaller files, float32 arithmetic: large weights are stored narrow and widened when a session loads.

Weights of matrix products and tables become int8 with one scale a channel, weights of convolutions
float16. Only plain operators are written (Cast, Mul, Gather), which every runtime folds into float32
constants at load. DequantizeLinear would say the same, but ONNX Runtime's CPU provider does not fold it.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SMALLEST = 32_768
"""Elements below which a weight stays float32: the small ones together take under 2 % of a bundle."""

PRECISION = "float32 arithmetic; int8 (per channel) and float16 weights"


def compress(model: ModelProto) -> ModelProto:
    """Return a copy of `model` whose large weights are stored as int8 or float16."""
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
        elif kinds <= {"MatMul", "Gemm"}:
            widened += _store_int8(graph, initializer.name, weight)
        else:
            widened += _store_float16(graph, initializer.name, weight)
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(compact, full_check=True)
    return compact


def _quantize(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 with one scale a row: values (R, C) and scales (R, 1)."""
    scale = np.maximum(np.abs(weight).max(1, keepdims=True) / 127, np.float32(1e-12))
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _store_int8(graph: onnx.GraphProto, name: str, weight: NDArray[np.float32]) -> list[NodeProto]:
    values, scale = _quantize(weight)
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
