"""PyTorch as a peer of pgbench: what it does to its own process, and the shortest process that draws with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pgtrain.models.text_encoder
from pgbench.processes.pgen_worker import Runtime
from pgen.api import load
from pgexport.peers import cold_start, eager
from pgexport.peers.eager import Eager, Mode


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


@pytest.mark.parametrize("backend", ["torch", "torch-bf16"])
@pytest.mark.parametrize(("model", "text"), [("stackgan", "an egg"), ("stackgan", None), ("dcgan", "ignored")])
def test_cold_start_draws_the_picture(
    full_bundle: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    text: str | None,
    backend: str,
) -> None:
    encoder = pgtrain.models.text_encoder.load_encoder(str(tiny_encoder))
    monkeypatch.setattr(pgtrain.models.text_encoder, "load_encoder", lambda name: encoder)
    cold_start.prepare(tmp_path, full_bundle, model, "an egg")
    cold_start.draw(tmp_path, tmp_path / "out.png", backend, text)
    ours = Runtime(load(full_bundle, "cpu", 1), model)
    inputs = ours.inputs(1)
    if model == "stackgan":
        inputs["text"] = ours.generator.encoder.encode(["an egg"])
    with Image.open(tmp_path / "out.png") as picture:
        apart = np.abs(np.asarray(picture).astype(int) - ours.draw(inputs)[0])
    assert np.percentile(apart, 99) <= (2 if backend == "torch" else 24)
