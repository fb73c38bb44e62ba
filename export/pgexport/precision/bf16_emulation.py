"""A bf16 graph for providers that have no bf16: the same roundings, between operators in float32."""

from copy import deepcopy

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from pgen.bundle.reader import Bundle, Model
from pgexport.precision.audit import types

BF16 = TensorProto.BFLOAT16
FLOAT = TensorProto.FLOAT


class Checkable(Bundle):
    """A bundle as it is compared with PyTorch: on ONNX Runtime's CPU provider, its bf16 graphs emulated."""

    def graph(self, model: Model) -> bytes:
        """Read a model's ONNX file, as :meth:`Bundle.graph` does."""
        content = super().graph(model)
        if model.parity.get("storage") != "bf16":
            return content
        return emulated(onnx.load_from_string(content)).SerializeToString()  # type: ignore[no-any-return]


def checkable(bundle: Bundle) -> Bundle:
    """Return `bundle` in a form whose every graph runs on the CPU."""
    return Checkable(bundle.folder, bundle.manifest, bundle.digest)


def emulated(model: ModelProto) -> ModelProto:
    """Return a copy of `model` whose bf16 operators compute in float32 and round their results to bf16.

    That is what hardware does whose sums are float32 (AMX, tensor cores). It is for checking: ONNX Runtime's CPU
    provider has nearly no bf16 operator, and could not run the graph to compare it with PyTorch.
    """
    known = types(model)
    copy = deepcopy(model)
    graph = copy.graph
    nodes: list[NodeProto] = []
    for initializer in graph.initializer:
        if initializer.data_type == BF16:
            name, initializer.name = initializer.name, f"{initializer.name}.bf16"
            nodes.append(_cast(initializer.name, name, FLOAT))
    for node in graph.node:
        rounded = [name for name in node.output if known.get(name) == BF16]
        nodes.append(node)
        for position, name in enumerate(node.output):
            if name in rounded:
                node.output[position] = f"{name}.exact"
                nodes += [_cast(f"{name}.exact", f"{name}.rounded", BF16), _cast(f"{name}.rounded", name, FLOAT)]
        if rounded and node.op_type in ("Cast", "Constant", "ConstantOfShape"):
            _to_float(node)
    del graph.value_info[:]
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _cast(source: str, target: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}/cast", to=to)


def _to_float(node: NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.name == "to":
            attribute.i = FLOAT
        elif attribute.name == "value":
            values = onnx.numpy_helper.to_array(attribute.t).astype("float32")
            attribute.t.CopyFrom(onnx.numpy_helper.from_array(values))
