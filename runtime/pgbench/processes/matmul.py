"""An ONNX model of one product with a constant matrix, serialized by hand because the runtime has no onnx package."""

import numpy as np

from pgbench.processes.worker import Array

# Field numbers of onnx.proto.
MODEL_IR, MODEL_GRAPH, MODEL_OPSET, OPSET_VERSION = 1, 7, 8, 2
GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 2, 5, 11, 12
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR = 1, 2, 4
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_ELEMENT, TENSOR_SHAPE, SHAPE_DIM, DIM_VALUE = 1, 2, 1, 1, 2, 1, 1

FLOAT, UINT8, INT8, INT32 = 1, 2, 3, 6
"""Element types of onnx.proto."""

IR, OPSET = 8, 17


def product(right: Array) -> bytes:
    """Serialize ``product = left @ right`` of square matrices: float32, or uint8 by int8 as activations by weights."""
    integer = right.dtype == np.int8
    side, kind = len(right), INT8 if integer else FLOAT
    node = _text(NODE_INPUT, "left") + _text(NODE_INPUT, "right") + _text(NODE_OUTPUT, "product")
    node += _text(NODE_OPERATOR, "MatMulInteger" if integer else "MatMul")
    constant = _number(TENSOR_DIMS, side) * 2 + _number(TENSOR_TYPE, kind)
    constant += _text(TENSOR_NAME, "right") + _bytes(TENSOR_RAW, right.tobytes())
    graph = _bytes(GRAPH_NODE, node) + _text(GRAPH_NAME, "product") + _bytes(GRAPH_INITIALIZER, constant)
    graph += _bytes(GRAPH_INPUT, _value("left", UINT8 if integer else FLOAT, side))
    graph += _bytes(GRAPH_OUTPUT, _value("product", INT32 if integer else FLOAT, side))
    opset = _bytes(MODEL_OPSET, _number(OPSET_VERSION, OPSET))
    return _number(MODEL_IR, IR) + _bytes(MODEL_GRAPH, graph) + opset


def _value(name: str, kind: int, side: int) -> bytes:
    shape = _bytes(SHAPE_DIM, _number(DIM_VALUE, side)) * 2
    tensor = _number(TENSOR_ELEMENT, kind) + _bytes(TENSOR_SHAPE, shape)
    return _text(VALUE_NAME, name) + _bytes(VALUE_TYPE, _bytes(TYPE_TENSOR, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
