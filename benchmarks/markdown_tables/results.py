"""Reads results, and formats their figures."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"

BACKENDS = {
    "openvino": "`--device openvino`, bf16",
    "onnx-cpu": "`--device cpu`, float32",
    "torch": "PyTorch eager",
    "torch-bf16": "PyTorch bf16 autocast",
    "torch-compile": "PyTorch compiled",
    "torch-compile-bf16": "PyTorch compiled, bf16",
}
"""Backends of pgbench, as tables name them."""


def load(name: str) -> dict[str, Any]:
    """Read one file of results."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return result


def per_second(result: dict[str, Any], batch: int, part: str) -> dict[str, float]:
    """Read the throughput of one part by backend."""
    rows = (row for row in result["measurements"] if (row["batch"], row["part"]) == (batch, part))
    return {row["backend"]: row["per_second"] for row in rows}


def ratios(result: dict[str, Any], batch: int, part: str) -> dict[str, float]:
    """Read how many times as fast the measured device is, by the backend that it is compared with."""
    return {row["over"]: row["ratio"] for row in result["ratios"] if (row["batch"], row["part"]) == (batch, part)}


def factor(ratio: float) -> str:
    """Write a ratio with two digits."""
    return f"{ratio:.2f}x" if ratio < 0.995 else f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def percent(share: float, digits: int = 0) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.{digits}f} %"


def number(value: float) -> str:
    """Write a measured value: one digit after the point below 10."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
