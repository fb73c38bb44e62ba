"""PyTorch as a peer of pgbench: what it does to its own process."""

from typing import Any

import pytest
import torch

from pgexport import eager
from pgexport.eager import Eager, Mode


class Idle(Eager):
    """PyTorch without a network."""

    def __init__(self) -> None:
        self.mode = Mode("torch")


@pytest.mark.parametrize("failing", [False, True])
def test_tf32_is_allowed_only_while_the_machine_is_rated(monkeypatch: pytest.MonkeyPatch, failing: bool) -> None:
    seen = []

    def best(work: Any, seconds: float) -> float:
        seen.append(torch.get_float32_matmul_precision())
        if failing:
            raise RuntimeError
        return 1.0

    monkeypatch.setattr(eager, "SIDE", 8)
    monkeypatch.setattr(eager, "best", best)
    if failing:
        with pytest.raises(RuntimeError):
            Idle().rates(0)
    else:
        assert set(Idle().rates(0)) == {"float32", "bfloat16"}
    assert set(seen) == {"high"}
    assert torch.get_float32_matmul_precision() == "highest"
