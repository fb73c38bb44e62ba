"""Which type a graph's nodes really compute in."""

from collections import Counter
from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto, TensorProto
from rich.table import Table

INTEGER_PRODUCTS = ("MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul")
PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
CONVERSIONS = ("Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
FLOATS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
COLUMNS = ("float32", "float16", "bfloat16", "float64", "int8", "integer", "conversion")


@dataclass(frozen=True)
class Audit:
    """Nodes of a graph by operator and by the type they compute in (one of COLUMNS).

    "int8" are products of quantized values, "integer" is arithmetic of shapes, ids and masks, and "conversion" are
    nodes that only change the type.
    """

    nodes: dict[str, dict[str, int]]

    def total(self, kind: str) -> int:
        """Count the nodes that compute in `kind`."""
        return sum(counts.get(kind, 0) for counts in self.nodes.values())

    def products(self) -> dict[str, int]:
        """Count convolutions and matrix products by the type they compute in."""
        counts: Counter[str] = Counter()
        for operator in (*PRODUCTS, *INTEGER_PRODUCTS):
            counts.update(self.nodes.get(operator, {}))
        return dict(counts)

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Give the counts for a manifest: by type in all, and by operator."""
        return {"all": {kind: self.total(kind) for kind in self._kinds()}} | self.nodes

    def table(self, title: str) -> Table:
        """Make a table of it, an operator a row."""
        kinds = self._kinds()
        table = Table("operator", title=title)
        for kind in kinds:
            table.add_column(kind, justify="right")
        for operator, counts in self.nodes.items():
            table.add_row(operator, *(str(counts.get(kind, "")) for kind in kinds))
        table.add_section()
        table.add_row("all", *(str(self.total(kind)) for kind in kinds))
        return table

    def _kinds(self) -> list[str]:
        return [kind for kind in COLUMNS if self.total(kind)]


def audit(model: ModelProto) -> Audit:
    """Count the nodes of `model` by the type they compute in."""
    known = types(model)
    makers = {name: node for node in model.graph.node for name in node.output}
    counted: dict[str, Counter[str]] = {}
    for node in model.graph.node:
        counted.setdefault(node.op_type, Counter())[_computes_in(node, known, makers)] += 1
    return Audit({operator: dict(counted[operator]) for operator in sorted(counted)})


def types(model: ModelProto) -> dict[str, int]:
    """Find the element type of every value of `model`, by ONNX's own inference."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {initializer.name: initializer.data_type for initializer in graph.initializer}


def _computes_in(node: NodeProto, known: dict[str, int], makers: dict[str, NodeProto]) -> str:
    if node.op_type in CONVERSIONS:
        return "conversion"
    if node.op_type in INTEGER_PRODUCTS:
        return "int8"
    if node.op_type in PRODUCTS and all(_dequantized(name, makers) for name in node.input[:2]):
        return "int8"  # the form that every runtime fuses into an integer product
    # The output type decides; for comparisons, which give booleans, the input type.
    kinds = [FLOATS[known[name]] for name in (*node.output, *node.input) if known.get(name) in FLOATS]
    return kinds[0] if kinds else "integer"


def _dequantized(name: str, makers: dict[str, NodeProto]) -> bool:
    return name in makers and makers[name].op_type == "DequantizeLinear"
