import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from torch import nn

from pgexport.errors import ParityFailed
from pgexport.export import export_runs
from pgexport.parity.divergence import (
    LIMITS,
    changed_by_optimization,
    describe,
    first_by_batch,
    first_divergence,
    first_from_pytorch,
)
from pgexport.parity.tolerances import TOLERANCES
from pgexport.precision.compress import Int8, compress
from pgexport.tracing import specs
from pgexport.tracing.run_loader import load_run
from pgexport.tracing.specs import ModelSpec, model_specs
from pgexport.trial import Feeds
from pgtrain.models.text_encoder import load_encoder


@pytest.fixture(scope="module")
def spec(system_runs: dict[str, Path]) -> ModelSpec:
    return model_specs(load_run(system_runs["wgan"]), None)[0]


@pytest.fixture(scope="module")
def graph(spec: ModelSpec) -> onnx.ModelProto:
    return spec.export(18)


FEEDS: Feeds = {"latent": np.random.default_rng(0).standard_normal((2, 8)).astype(np.float32)}


def damaged(graph: onnx.ModelProto, weight: str, factor: float) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    for initializer in copy.graph.initializer:
        if initializer.name == weight:
            values = numpy_helper.to_array(initializer) * np.float32(factor)
            initializer.CopyFrom(numpy_helper.from_array(values, weight))
    return copy


def test_graph_does_not_diverge_from_itself(graph: onnx.ModelProto) -> None:
    assert first_divergence(graph, graph, FEEDS, 0.0) is None
    assert first_divergence(compress(graph, Int8(10**9, 32)), graph, FEEDS, LIMITS["compact"]) is None
    assert "add up" in describe(None)


def test_node_whose_weight_was_damaged_is_named(graph: onnx.ModelProto) -> None:
    weights = [initializer.name for initializer in graph.graph.initializer if initializer.name.endswith(".weight")]
    assert len(weights) >= 3
    for weight in weights:
        divergence = first_divergence(damaged(graph, weight, 1.5), graph, FEEDS, LIMITS["float32"])
        assert divergence is not None
        (user,) = (node for node in graph.graph.node if weight in node.input)
        assert (divergence.node, divergence.operator) == (user.name, user.op_type)
        assert weight.removesuffix(".weight") in describe(divergence)


def test_value_that_is_no_number_diverges(graph: onnx.ModelProto) -> None:
    divergence = first_divergence(damaged(graph, "generator.dense.weight", float("nan")), graph, FEEDS, 1e9)
    assert divergence is not None
    assert divergence.node == "generator.dense/Gemm"


def test_operator_that_was_changed_is_named(graph: onnx.ModelProto) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    node = [node for node in changed.graph.node if node.op_type == "Relu"][1]
    node.op_type = "Sigmoid"
    divergence = first_divergence(changed, graph, FEEDS, LIMITS["compact"])
    assert divergence is not None
    assert divergence.node == node.name


def from_pytorch(spec: ModelSpec, graph: onnx.ModelProto, feeds: Feeds) -> str | None:
    divergence = first_from_pytorch(graph, spec.network, spec.frozen(), feeds, LIMITS["float32"])
    return divergence and divergence.node


def test_sound_graphs_do_not_diverge_from_pytorch(
    spec: ModelSpec, graph: onnx.ModelProto, system_runs: dict[str, Path], tiny_run: Path
) -> None:
    source = load_run(tiny_run)
    text = model_specs(source, load_encoder(source.described["encoder"]))
    for model in (
        spec,
        *model_specs(load_run(system_runs["dcgan"]), None),
        *model_specs(load_run(system_runs["stats"]), None),
        *text,
    ):
        feeds = {name: values[:3] for name, values in model.cases(1)["random"].items()}
        assert from_pytorch(model, model.export(18), feeds) is None, model.name
    assert not changed_by_optimization(graph, FEEDS, 0.0)


def test_float32_graph_is_held_against_pytorch_not_against_itself(spec: ModelSpec, graph: onnx.ModelProto) -> None:
    weights = [initializer.name for initializer in graph.graph.initializer if initializer.name.endswith(".weight")]
    for weight in weights:
        (user,) = (node for node in graph.graph.node if weight in node.input)
        assert from_pytorch(spec, damaged(graph, weight, 1.5), FEEDS) == user.name
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    node = [node for node in changed.graph.node if node.op_type == "Relu"][1]
    node.op_type = "Sigmoid"
    assert from_pytorch(spec, changed, FEEDS) == node.name


def test_wrong_export_names_the_node(
    system_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ModelSpec.export

    def wrong(self: ModelSpec, *arguments: Any) -> onnx.ModelProto:
        return damaged(export(self, *arguments), "generator.layers.3.weight", 100)

    monkeypatch.setattr(ModelSpec, "export", wrong)
    for storage in ("float32", "compact"):
        with pytest.raises(ParityFailed, match=r"first diverging node: generator\.layers\.3/Conv"):
            export_runs([system_runs["dcgan"]], tmp_path / "b", storage=storage)


def test_wrongly_folded_batch_norm_names_the_node(
    system_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze = specs.freeze

    def wrong(network: nn.Module) -> None:
        freeze(network)
        network.generator.layers[3].weight.data.mul_(1.5)

    monkeypatch.setattr(specs, "freeze", wrong)
    with pytest.raises(ParityFailed, match=r"first diverging node: generator\.layers\.[45][./]"):
        export_runs([system_runs["dcgan"]], tmp_path / "b", storage="float32")


def test_diverging_text_graph_names_the_node(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, module = ModelSpec.export, "bert.encoder.layer.1.attention.output.dense"

    def wrong(self: ModelSpec, *arguments: Any) -> onnx.ModelProto:
        graph = export(self, *arguments)
        weights = [node.input[1] for node in graph.graph.node if node.name == f"{module}/MatMul"]
        return damaged(graph, weights[0], 100) if weights else graph

    monkeypatch.setattr(ModelSpec, "export", wrong)
    monkeypatch.setitem(TOLERANCES, "compact", replace(TOLERANCES["compact"], cosine=-1.0, text_psnr=100.0))
    with pytest.raises(ParityFailed, match=rf"text_psnr is .*; encoder: first diverging node: {re.escape(module)}/"):
        export_runs([tiny_run], tmp_path / "b")


def test_node_that_mixes_rows_is_named() -> None:
    nodes = [
        helper.make_node("Relu", ["latent"], ["bright"], name="bright"),
        helper.make_node("ReduceMean", ["bright", "axes"], ["mean"], name="mean", keepdims=1),
        helper.make_node("Sub", ["bright", "mean"], ["centered"], name="centered"),
        helper.make_node("Tanh", ["centered"], ["pictures"], name="drawn"),
    ]
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 8]) for name in ("latent", "pictures")
    ]
    axes = [numpy_helper.from_array(np.array([0]), "axes")]
    graph = helper.make_graph(nodes, "x", values[:1], values[1:], axes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    divergence = first_by_batch(model, FEEDS, slice(0, 1))
    assert divergence is not None
    assert (divergence.node, divergence.operator) == ("mean", "ReduceMean")
    del graph.node[1:]
    graph.node[0].output[0] = "pictures"
    assert first_by_batch(helper.make_model(graph, ir_version=8), FEEDS, slice(0, 1)) is None
