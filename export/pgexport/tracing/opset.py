"""Versions of the ONNX operator set that graphs can be written in; without PyTorch, so that ``--help`` is quick."""

OPSET = 18
"""The default: torch writes it without a conversion, and the oldest supported readers (ONNX Runtime 1.20, TensorRT 10,
ONNX Runtime Web) read it."""

READERS = {"ONNX Runtime 1.20": 21, "TensorRT 10": 24}
"""The oldest supported readers, and the last opset that each reads; see docs/export.md."""

OPSETS = range(OPSET, 26)
"""From 18, the oldest that torch writes, to 25, the last that its converter knows (2.15)."""
