"""The types that a graph's nodes compute in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto, TensorProto

INTEGER_PRODUCTS = ("MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul")
PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
CONVERSIONS = ("Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
FLOATS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
TYPES = ("float32", "float16", "bfloat16", "float64", "int8", "integer", "conversion")


@dataclass(frozen=True)
class Audit:
    """Nodes of a graph by operator and by the type they compute in (one of TYPES).

    "int8" are products of quantized values, "integer" is arithmetic of shapes, ids and masks, and "conversion" are
    nodes that only change the type.
    """

    nodes: dict[str, dict[str, int]]

    def products(self) -> dict[str, int]:
        """Count convolutions and matrix products by the type they compute in."""
        return self._total((*PRODUCTS, *INTEGER_PRODUCTS))

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Return the counts for a manifest: by type in all, and by operator."""
        return {"all": self._total(self.nodes)} | self.nodes

    def _total(self, operators: Iterable[str]) -> dict[str, int]:
        total = sum((Counter(self.nodes.get(operator, {})) for operator in operators), Counter[str]())
        return {kind: total[kind] for kind in TYPES if total[kind]}


def audit(model: ModelProto) -> Audit:
    """Count the nodes of `model` by the type they compute in."""
    known = types(model)
    producers = {name: node for node in model.graph.node for name in node.output}
    counted: dict[str, Counter[str]] = {}
    for node in model.graph.node:
        counted.setdefault(node.op_type, Counter())[_computes_in(node, known, producers)] += 1
    return Audit({operator: dict(counted[operator]) for operator in sorted(counted)})


def types(model: ModelProto) -> dict[str, int]:
    """Find the element type of every value of `model`, by ONNX's own inference."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {initializer.name: initializer.data_type for initializer in graph.initializer}


def _computes_in(node: NodeProto, known: dict[str, int], producers: dict[str, NodeProto]) -> str:
    if node.op_type in CONVERSIONS:
        return "conversion"
    if node.op_type in INTEGER_PRODUCTS:
        return "int8"
    if node.op_type in PRODUCTS and all(_dequantized(name, producers) for name in node.input[:2]):
        return "int8"  # the form that every runtime fuses into an integer product
    # The output type decides; for comparisons, which give booleans, the input type.
    kinds = [FLOATS[known[name]] for name in (*node.output, *node.input) if known.get(name) in FLOATS]
    return kinds[0] if kinds else "integer"


def _dequantized(name: str, producers: dict[str, NodeProto]) -> bool:
    return name in producers and producers[name].op_type == "DequantizeLinear"
