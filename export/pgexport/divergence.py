"""Which node is the first to differ: the stored graph beside its float32 reference, value by value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from pgen.session import open_session, run

LIMITS = {"float32": 1e-3, "compact": 5e-2, "fp16": 1e-2, "bf16": 1e-1, "int8": 1e-1}
"""How far a value of a stored graph may be from the reference: root mean square, relative to the reference's."""

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
"""Types that are compared; bf16 has no NumPy type, and comes here in float32 (see :mod:`pgexport.emulate`)."""


@dataclass(frozen=True)
class Divergence:
    """The first node, in the order of running, whose `output` is `error` away from the reference's."""

    node: str
    operator: str
    output: str
    error: float


def first_divergence(
    model: ModelProto, reference: ModelProto, feeds: dict[str, NDArray[Any]], limit: float
) -> Divergence | None:
    """Find the first node of `model` whose output is further than `limit` from the value of that name in `reference`.

    Values are compared under their names, which storing a graph in another precision keeps; all of them at once,
    in one run of each graph. None where all are within `limit`, or nothing is named alike.
    """
    expected, found = _values(reference, feeds), _values(model, feeds)
    makers = {output: node.op_type for node in reference.graph.node for output in node.output}
    for node in model.graph.node:
        for output in node.output:
            # A Cast that half precision needs can have the name of something else in the reference.
            if output in expected and output in found and (node.op_type != "Cast" or makers.get(output) == "Cast"):
                error = _distance(found[output], expected[output])
                if not error <= limit:
                    return Divergence(node.name, node.op_type, output, error)
    return None


def describe(divergence: Divergence | None) -> str:
    """Say it in a message."""
    if divergence is None:
        return "no single node diverges: the differences add up"
    return f"first diverging node: {divergence.node} ({divergence.operator}), {divergence.error:.2g} off"


def _values(model: ModelProto, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run `model` with every float value between its nodes exposed as an output."""
    inferred = onnx.shape_inference.infer_shapes(model)
    known = {entry.name for entry in model.graph.output}
    types = {entry.name: entry.type.tensor_type.elem_type for entry in inferred.graph.value_info}
    exposed = ModelProto()
    exposed.CopyFrom(model)
    for name in (name for node in model.graph.node for name in node.output):
        kind = types.get(name)
        if kind in FLOATS and name not in known:
            exposed.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    names = [entry.name for entry in exposed.graph.output]
    session = open_session(exposed.SerializeToString(), "the graph with all its values exposed", "cpu")
    return dict(zip(names, run(session, names, feeds), strict=True))


def _distance(found: NDArray[Any], expected: NDArray[Any]) -> float:
    if found.shape != expected.shape:
        return float("inf")
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    scale = float(np.sqrt(np.square(expected).mean())) if expected.size else 0.0
    error = float(np.sqrt(np.square(found - expected).mean())) if expected.size else 0.0
    return error / (scale + 1e-6)
