from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pgexport.compress import compress
from pgexport.divergence import LIMITS, describe, first_divergence
from pgexport.models import parts
from pgexport.parity import Feeds
from pgexport.source import load_run


@pytest.fixture(scope="module")
def graph(system_runs: dict[str, Path]) -> onnx.ModelProto:
    (part,) = parts(load_run(system_runs["wgan"]), None)
    return part.export(18)


FEEDS: Feeds = {"latent": np.random.default_rng(0).standard_normal((2, 8)).astype(np.float32)}


def damaged(graph: onnx.ModelProto, weight: str, factor: float) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    for initializer in copy.graph.initializer:
        if initializer.name == weight:
            values = numpy_helper.to_array(initializer) * np.float32(factor)
            initializer.CopyFrom(numpy_helper.from_array(values, weight))
    return copy


def test_a_graph_does_not_diverge_from_itself(graph: onnx.ModelProto) -> None:
    assert first_divergence(graph, graph, FEEDS, 0.0) is None
    assert first_divergence(compress(graph, 10**9), graph, FEEDS, LIMITS["compact"]) is None
    assert "add up" in describe(None)


def test_the_node_whose_weight_was_damaged_is_named(graph: onnx.ModelProto) -> None:
    weights = [initializer.name for initializer in graph.graph.initializer if initializer.name.endswith(".weight")]
    assert len(weights) >= 3
    for weight in weights:
        found = first_divergence(damaged(graph, weight, 1.5), graph, FEEDS, LIMITS["float32"])
        assert found is not None
        (user,) = (node for node in graph.graph.node if weight in node.input)
        assert (found.node, found.operator) == (user.name, user.op_type)
        assert weight.removesuffix(".weight") in describe(found)


def test_a_value_that_is_no_number_diverges(graph: onnx.ModelProto) -> None:
    found = first_divergence(damaged(graph, "generator.dense.weight", float("nan")), graph, FEEDS, 1e9)
    assert found is not None
    assert found.node == "generator.dense/Gemm"


def test_an_operator_that_was_changed_is_named(graph: onnx.ModelProto) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    node = [node for node in changed.graph.node if node.op_type == "Relu"][1]
    node.op_type = "Sigmoid"
    found = first_divergence(changed, graph, FEEDS, LIMITS["compact"])
    assert found is not None
    assert found.node == node.name
