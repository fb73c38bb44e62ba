"""Versions of the ONNX operator set that graphs can be written in; without PyTorch, so that ``--help`` is quick."""

OPSET = 18
"""The default: torch writes its operators in it, without a conversion afterwards, and the oldest of those wanted here
(ONNX Runtime 1.20, TensorRT 10, ONNX Runtime Web) read it."""

READERS = {"ONNX Runtime 1.20": 21, "TensorRT 10": 24}
"""The oldest supported readers, and the last opset that each reads; see docs/export.md."""

OPSETS = range(OPSET, 26)
"""From 18 on, below which torch has no operators of its own, up to 25, the last that its converter knows (2.15)."""
