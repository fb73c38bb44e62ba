"""What a run decides before and between its measurements, with backends that are none."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pgbench import suite
from pgbench.backends import Opened
from pgbench.suite import Settings
from pgen.errors import DeviceUnavailable

HERE = {"cpu": "float32", "torch": "float32", "torch-bf16": "bfloat16", "openvino": "bfloat16", "onnx-cpu": "float32"}
"""Backends that run in these tests."""


class Fake:
    """A backend's process that is none."""

    def __init__(self, name: str, opened: Opened | None = None) -> None:
        if name not in HERE:
            raise DeviceUnavailable(f"{name}: not here")
        self.name = name
        self.facts: dict[str, Any] = {"runs_on": ["CPUExecutionProvider"], "where": "cpu", "arithmetic": HERE[name]}

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *exception: object) -> None: ...


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["onnx-cpu", "torch-bf16", "torch"], "torch"),
        (["openvino", "torch-bf16", "onnx-cpu"], "onnx-cpu"),
        (["openvino", "torch-bf16"], "openvino"),
    ],
)
def test_the_reference_computes_in_float32_where_one_does(names: list[str], chosen: str) -> None:
    assert suite._reference([Fake(name) for name in names]).name == chosen  # type: ignore[misc]


@pytest.mark.parametrize("versus", ["torch,torch-cuda", "torch, torch-cuda", "all, torch-cuda"])
def test_what_is_asked_for_by_name_must_run(monkeypatch: pytest.MonkeyPatch, versus: str) -> None:
    monkeypatch.setattr(suite, "Process", Fake)
    settings = Settings(device="cpu", versus=versus)
    with ExitStack() as stack, pytest.raises(DeviceUnavailable, match="torch-cuda: not here"):
        suite._start(stack, settings, Opened(Path()), say=lambda told: None)


def test_what_all_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "Process", Fake)
    with ExitStack() as stack:
        backends, unavailable = suite._start(stack, Settings(device="cpu", versus="all"), Opened(Path()), print)
    assert [backend.name for backend in backends] == ["onnx-cpu", "openvino", "torch", "torch-bf16"]
    assert unavailable["torch-cuda"] == "not here"
