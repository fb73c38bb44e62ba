"""The first diverging node: float32 graph against PyTorch's modules, and stored graph against float32 graph."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from torch import Tensor, nn

from pgen.backends.base import run
from pgen.backends.onnxruntime import open_session
from pgexport.precision.audit import types
from pgexport.precision.bf16_emulation import emulated
from pgexport.storage import Stored
from pgexport.tracing.specs import ModelSpec
from pgexport.trial import Feeds

LIMITS = {"float32": 1e-3, "compact": 5e-2, "fp16": 1e-2, "bf16": 1e-1, "int8": 1e-1}
"""How far a value of a stored graph may be from the reference: root mean square, relative to the reference's."""

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
"""Types that are compared; bf16 has no NumPy type, and comes here in float32.

See :mod:`pgexport.precision.bf16_emulation`.
"""

OPTIMIZED = "ONNX Runtime's optimization of the graph is the cause"


@dataclass(frozen=True)
class Divergence:
    """The first node, in the order of execution, whose output is `error` away from the reference's."""

    node: str
    operator: str
    error: float

    def __str__(self) -> str:
        return f"{self.node} ({self.operator}), {self.error:.2g} off"


def first_divergence(model: ModelProto, reference: ModelProto, feeds: Feeds, limit: float) -> Divergence | None:
    """Find the first node of `model` whose output is further than `limit` from the value of that name in `reference`.

    Values are compared under their names, which storing a graph in another precision keeps; all of them at once,
    in one run of each graph. None where all are within `limit`, or nothing is named alike.
    """
    expected, actual = _values(reference, feeds), _values(model, feeds)
    producers = {output: node.op_type for node in reference.graph.node for output in node.output}
    for node in model.graph.node:
        for output in node.output:
            # A Cast that half precision needs can have the name of something else in the reference.
            if output in expected and output in actual and (node.op_type != "Cast" or producers.get(output) == "Cast"):
                error = _distance(actual[output], expected[output])
                if not error <= limit:
                    return Divergence(node.name, node.op_type, error)
    return None


def first_from_pytorch(
    model: ModelProto, network: nn.Module, folded: nn.Module, feeds: Feeds, limit: float
) -> Divergence | None:
    """Find the first node of a float32 `model` whose output is further than `limit` from that of PyTorch's module.

    The last node of a module without submodules computes the module's output. The reference is `network`, as it was
    trained; for a module that a batch norm was folded into it is `folded`, which was exported, so that a norm that was
    folded wrongly shows in the module behind it.
    """
    changed = {name for name, part in folded.named_modules() if not _alike(part, network.get_submodule(name))}
    expected, after_folding = _modules(network, feeds), _modules(folded, feeds)
    expected |= {name: after_folding[name] for name in changed & after_folding.keys()}
    actual = _values(model, feeds)
    last = {node.name.rpartition("/")[0]: node for node in model.graph.node}
    for node in model.graph.node:
        module, output = node.name.rpartition("/")[0], node.output[0]
        # The exporter may join a module with the next one, whose output has another shape: it is compared there.
        if last[module] is node and module in expected and output in actual:
            ours, theirs = actual[output], expected[module]
            if ours.shape == theirs.shape and not (error := _distance(ours, theirs)) <= limit:
                return Divergence(node.name, node.op_type, error)
    return None


def first_by_batch(model: ModelProto, feeds: Feeds, rows: slice) -> Divergence | None:
    """Find the first node of `model` whose outputs for `rows` of `feeds` change if those are a batch of their own."""
    whole, alone = _values(model, feeds), _values(model, {name: values[rows] for name, values in feeds.items()})
    for node in model.graph.node:
        for output in (name for name in node.output if name in whole and whole[name].ndim):
            expected, actual = whole[output][rows], alone[output]
            # Values of another shape have no dimension of the batch.
            if actual.shape == expected.shape and not np.array_equal(actual, expected, equal_nan=True):
                return Divergence(node.name, node.op_type, _distance(actual, expected))
    return None


def changed_by_optimization(model: ModelProto, feeds: Feeds, limit: float) -> bool:
    """Check whether ONNX Runtime's optimization of `model` changes an output by more than `limit`."""
    names = [entry.name for entry in model.graph.output]
    plain = _values(model, feeds)
    session = open_session(model.SerializeToString(), "the graph", "cpu")
    return any(
        not _distance(actual, plain[name]) <= limit
        for name, actual in zip(names, run(session, names, feeds), strict=True)
    )


def describe(divergence: Divergence | None) -> str:
    """Describe a divergence for a message."""
    if divergence is None:
        return "no single node diverges: the differences add up"
    return f"first diverging node: {divergence}"


def _alike(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = dict(one.named_parameters(recurse=False)), dict(other.named_parameters(recurse=False))
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


@torch.no_grad()
def _modules(network: nn.Module, feeds: Feeds) -> Feeds:
    """Run a copy of `network` and record the output of every module that has no submodules and runs once."""
    recorded: dict[str, list[NDArray[Any]]] = {}

    def record(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            recorded.setdefault(name, []).append(output.numpy().copy())

    copy = deepcopy(network)  # hooks stay with it
    for name, part in copy.named_modules():
        if name and not list(part.children()):
            part.register_forward_hook(partial(record, name))
    copy(*(torch.from_numpy(value) for value in feeds.values()))
    return {name: values[0] for name, values in recorded.items() if len(values) == 1}


def _values(model: ModelProto, feeds: Feeds) -> Feeds:
    """Run `model` with every float value between its nodes exposed as an output."""
    known, outputs = types(model), {entry.name for entry in model.graph.output}
    exposed = deepcopy(model)
    for name in (name for node in model.graph.node for name in node.output):
        if known.get(name) in FLOATS and name not in outputs:
            exposed.graph.output.append(helper.make_tensor_value_info(name, known[name], None))
    names = [entry.name for entry in exposed.graph.output]
    session = open_session(exposed.SerializeToString(), "the graph with all its values exposed", "cpu")
    return dict(zip(names, run(session, names, feeds), strict=True))


def _distance(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    scale = float(np.sqrt(np.square(expected).mean())) if expected.size else 0.0
    error = float(np.sqrt(np.square(actual - expected).mean())) if expected.size else 0.0
    return error / (scale + 1e-6)


def locate_divergence(spec: ModelSpec, stored: Stored, feeds: Feeds, rows: slice | None) -> str:
    """Name the first node that diverges on `feeds`; with `rows`, the first whose outputs depend on the batch."""
    graph = _checkable(stored)
    if rows is not None:
        by_batch = first_by_batch(graph, feeds, rows)
        return f"first such node: {by_batch}" if by_batch else f"no single node does so: {OPTIMIZED}"
    divergence = _first(spec, stored, feeds)
    if divergence is None and changed_by_optimization(graph, feeds, LIMITS[stored.storage]):
        return f"no single node diverges: {OPTIMIZED}"
    return describe(divergence)


def locate_in_sequence(models: Sequence[tuple[ModelSpec, Stored]], seed: int) -> str:
    """Name the first node that diverges in models that run in sequence, and its model."""
    for spec, stored in models:
        feeds = {name: values[:2] for name, values in spec.cases(seed)["random"].items()}
        if divergence := _first(spec, stored, feeds):
            return f"{spec.name}: {describe(divergence)}"
    return describe(None)


def _first(spec: ModelSpec, stored: Stored, feeds: Feeds) -> Divergence | None:
    """Find the first node that diverges: in the float32 graph from PyTorch, or else in the stored graph from that one.

    Storing may not have changed anything, so the float32 graph is checked too.
    """
    reference = stored.graph if stored.storage == "float32" else spec.export(stored.opset)
    divergence = first_from_pytorch(reference, spec.network, spec.frozen(), feeds, LIMITS["float32"])
    return divergence or first_divergence(_checkable(stored), reference, feeds, LIMITS[stored.storage])


def _checkable(stored: Stored) -> ModelProto:
    return emulated(stored.graph) if stored.storage == "bf16" else stored.graph
