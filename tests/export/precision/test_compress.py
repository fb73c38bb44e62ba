"""Convolutions that compact storage keeps as int8."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pgexport.precision.compress import Int8, compress, weights

KERNELS = {"large": (32, 32, 3, 3), "small": (16, 32, 3, 3), "narrow": (1024, 16, 1, 1)}
"""The first one has as many elements as the smallest that becomes int8; rows of the last do not divide into blocks."""

LARGE = 32 * 32 * 9


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """Convolutions one after the other, with channels of very different size."""
    random, nodes, initializers, last = np.random.default_rng(0), [], [], "x"
    for name, shape in KERNELS.items():
        sizes = np.exp(random.normal(size=(shape[0], 1, 1, 1)))
        initializers.append(numpy_helper.from_array((sizes * random.normal(size=shape)).astype(np.float32), name))
        nodes.append(helper.make_node("Conv", [last, name], [f"{name}/y"], name=name))
        last = f"{name}/y"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, *sides])
        for name, channels, sides in (("x", 32, [8, 8]), (last, 1024, [4, 4]))
    ]
    made = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def initializers_of(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}


def drawn(model: onnx.ModelProto) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(2, 32, 8, 8)).astype(np.float32)
    return session.run(None, {"x": x})[0]  # type: ignore[no-any-return]


def test_large_convolutions_become_int8_close_to_the_original(graph: onnx.ModelProto) -> None:
    compact = compress(graph, Int8(1_000_000, 8, LARGE, 36))
    originals, stored, read = initializers_of(graph), initializers_of(compact), weights(compact)
    assert {name for name, values in stored.items() if values.dtype == np.int8} == {"large.int8", "narrow.int8"}
    assert stored["small.float16"].dtype == np.float16
    assert not originals.keys() & stored.keys(), "nothing is stored twice"
    for name, block in (("large", 36), ("narrow", 16)):
        blocks = originals[name].reshape(-1, block)
        assert stored[f"{name}.scale"].size == len(blocks)
        assert read[name].shape == KERNELS[name]
        apart = np.abs(read[name].reshape(-1, block) - blocks).max(1)
        assert (apart <= np.abs(blocks).max(1) / 200).all()
        assert apart.max() > 0
    assert read.keys() == originals.keys()


def test_weights_are_read_as_the_graph_widens_them(graph: onnx.ModelProto) -> None:
    compact = compress(graph, Int8(1_000_000, 8, LARGE, 36))
    widened = onnx.ModelProto()
    widened.CopyFrom(graph)
    del widened.graph.initializer[:]
    widened.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights(compact).items())
    pictures, expected = drawn(compact), drawn(graph)
    assert np.allclose(pictures, drawn(widened), rtol=1e-5, atol=1e-5 * np.abs(pictures).max())
    assert np.square(pictures - expected).mean() < 1e-4 * np.square(expected).mean(), "40 dB below what is drawn"


@pytest.mark.parametrize("smallest", [0, 2 * LARGE])
def test_other_convolutions_become_float16(graph: onnx.ModelProto, smallest: int) -> None:
    stored = initializers_of(compress(graph, Int8(1_000, 8, smallest)))
    assert {name: values.dtype for name, values in stored.items()} == {
        f"{name}.float16": np.dtype(np.float16) for name in KERNELS
    }
