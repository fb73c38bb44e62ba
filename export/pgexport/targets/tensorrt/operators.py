"""Which graphs TensorRT reads, by the table of its parser (docs/operators.md of release 10.15); never tried on it."""

from typing import TYPE_CHECKING

from pgexport.errors import GraphUnread
from pgexport.tracing.opset import READERS
from pokegan.extras import needs_extra

if TYPE_CHECKING:
    import onnx

OPSETS = range(9, READERS["TensorRT 10"] + 1)
"""What TensorRT 10.15 reads; TensorRT 11 reads opset 25 too."""

READ = """
Abs Add And ArgMax Cast Clip Concat Constant ConstantOfShape Conv ConvTranspose CumSum DepthToSpace DequantizeLinear
Div Equal Erf Exp Expand Floor Gather GatherElements GatherND Gelu Gemm Greater GreaterOrEqual Identity
LayerNormalization LeakyRelu Less LessOrEqual Log MatMul Max Min Mul Neg Not OneHot Or Pow QuantizeLinear Range
Reciprocal ReduceMax ReduceMean ReduceSum Relu Reshape Resize Shape Sigmoid Sign Slice Softmax Split Sqrt Squeeze Sub
Tanh Transpose Unsqueeze Where
"""
OPERATORS = frozenset(READ.split())
"""Operators that it reads by that table, as far as networks here may need them. Not read: DynamicQuantizeLinear,
MatMulInteger, ConvInteger."""

VALUES = frozenset({"FLOAT", "FLOAT16", "BFLOAT16", "INT32", "INT64", "BOOL"})
"""Types that values inside a graph may have; UINT8 only outputs, INT8 only quantized values."""


def unread(graph: "onnx.ModelProto") -> set[str]:
    """List what TensorRT does not read: operators, and types of values inside the graph."""
    from onnx import TensorProto

    from pgexport.precision.audit import types

    operators = {node.op_type for node in graph.graph.node} - OPERATORS
    outputs = {value.name for value in graph.graph.output}
    inside = {TensorProto.DataType.Name(kind) for name, kind in types(graph).items() if name not in outputs}
    return operators | (inside - VALUES)


def check_read(name: str, content: bytes) -> None:
    """Check that TensorRT reads the graph of model `name`, the content of an ONNX file.

    Raises:
        GraphUnread: it does not.
        MissingExtra: onnx is not installed.
    """
    with needs_extra("tensorrt"):
        import onnx
    if operators := unread(onnx.load_from_string(content)):
        raise GraphUnread(
            f"{name}: TensorRT does not read {', '.join(sorted(operators))} in its graph; export its run with "
            "float32 or fp16 storage; nothing was built"
        )
