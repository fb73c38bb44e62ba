"""A bundle's ONNX files are plain operators and nothing beside them."""

from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pgen.bundle.onnx_check import check_graph
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgen.errors import BundleInvalid

NODES = [helper.make_node("Add", ["x", "w"], ["y"], name="add")]
VALUES = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in "xy"]


def weight() -> TensorProto:
    return numpy_helper.from_array(__import__("numpy").ones(2, "float32"), "w")


def model(nodes: list[onnx.NodeProto] = NODES, weights: list[TensorProto] | None = None) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", VALUES[:1], VALUES[1:], weights or [weight()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def elsewhere() -> TensorProto:
    tensor = weight()
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def custom() -> onnx.ModelProto:
    made = model()
    made.opset_import.append(helper.make_opsetid("evil.corp", 1))
    return made


def with_function() -> onnx.ModelProto:
    made = model()
    made.functions.append(helper.make_function("", "F", ["a"], ["b"], [], [helper.make_opsetid("", 18)]))
    return made


def in_an_attribute() -> onnx.ModelProto:
    return model([helper.make_node("Constant", [], ["w"], value=elsewhere()), *NODES], [])


def in_a_branch() -> onnx.ModelProto:
    branch = helper.make_graph([], "b", [], VALUES[1:], [elsewhere()])
    return model([helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)])


REFUSED = {
    "domain": (custom, "'evil.corp'"),
    "function": (with_function, "functions"),
    "weights": (lambda: model(weights=[elsewhere()]), "other files"),
    "attribute": (in_an_attribute, "other files"),
    "branch": (in_a_branch, "other files"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_graph_with_nonstandard_parts_is_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(BundleInvalid, match=message) as refused:
        check_graph(make().SerializeToString(), "a.onnx")
    assert refused.value.message.startswith("a.onnx: ")
    assert "\n" not in refused.value.message


def test_plain_graphs_pass(full_bundle: Path) -> None:
    check_graph(model().SerializeToString(), "a.onnx")
    for folder in (full_bundle, EMBEDDED):
        bundle = open_bundle(folder)
        for entry in bundle.manifest.models.values():
            assert bundle.graph(entry) == bundle.read(entry.file)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_pass_or_are_refused_in_one_line(noise: bytes, cut: int) -> None:
    for content in (noise, model().SerializeToString()[:cut] + noise):
        message = ""
        try:
            check_graph(content, "a.onnx")
        except BundleInvalid as refused:
            message = refused.message
        assert "\n" not in message
