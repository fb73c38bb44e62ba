"""Operations and memory traffic of a graph, and its slowest nodes.

Both are read from ONNX Runtime's profile, which contains the shapes of every node's inputs and outputs. Operations are
counted in the exported graph, without ONNX Runtime's optimizations: those of convolutions and matrix products, with two
operations for a multiplication and its addition. Bytes are those of their inputs, weights and outputs, each moved once,
as if all other nodes were fused into them; a backend that computes in another width than the graph moves floats of that
width. Nodes are timed in the optimized graph.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgbench.processes.worker import Array
from pgen.bundle.reader import Bundle, Model
from pokegan.extras import needs_extra

PRODUCTS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "ConvTranspose": (0, 1),
    "FusedConv": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
}
"""Indices of the two factors among the inputs of each operator that is counted."""

SIZES = {"float": 4, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "int32": 4, "int64": 8}
"""Bytes of ONNX Runtime's types."""

ARITHMETICS = {"float32": "float", "float16": "float16", "bfloat16": "bfloat16"}
"""ONNX Runtime's names of the floating-point arithmetics."""

FLOATS = tuple(ARITHMETICS.values())

RUNS = 3
"""Timed runs of the nodes, after one warm-up run."""

SLOWEST = 5
"""Nodes that are listed."""

KERNEL = "_kernel_time"
"""Suffix of the events that time a node's kernel."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """Operations of a graph at one batch, in total and by operator, and the bytes that it moves at least.

    `float_bytes` of the bytes belong to `floats` floating-point values.
    """

    operations: int
    bytes: int
    by_operator: dict[str, int]
    floats: int = 0
    float_bytes: int = 0

    def moved(self, arithmetic: str) -> int:
        """Count the bytes if floats are as wide as in `arithmetic`; other types keep their width."""
        width = SIZES.get(ARITHMETICS.get(arithmetic, ""))
        return self.bytes - self.float_bytes + self.floats * width if width else self.bytes


@dataclass(frozen=True)
class Node:
    """Time of a node: its share of the graph's time, milliseconds a run, and the shape of its first output."""

    name: str
    operator: str
    share: float
    milliseconds: float
    shape: list[int]


def count(bundle: Bundle, model: Model, inputs: dict[str, Array]) -> Work:
    """Count the operations and bytes of `model` for `inputs`."""
    events = _profile(bundle, model, inputs, ["CPUExecutionProvider"], runs=1, threads=0, optimized=False)
    return counted(events)


def counted(events: Iterable[Event]) -> Work:
    """Count the operations and bytes of the nodes in a profile."""
    operations: dict[str, int] = {}
    values: dict[str, int] = {}
    for event in events:
        operator = event["args"]["op_name"]
        if operator in PRODUCTS:
            operations[operator] = operations.get(operator, 0) + _operations(operator, event["args"])
            for tensor in (*event["args"]["input_type_shape"], *event["args"]["output_type_shape"]):
                for kind, shape in tensor.items():
                    values[kind] = values.get(kind, 0) + math.prod(shape)
    sizes = {kind: number * SIZES.get(kind, 4) for kind, number in values.items()}
    floats, float_bytes = (sum(counts.get(kind, 0) for kind in FLOATS) for counts in (values, sizes))
    return Work(sum(operations.values()), sum(sizes.values()), operations, floats, float_bytes)


def slowest(bundle: Bundle, model: Model, inputs: dict[str, Array], providers: list[str], threads: int) -> list[Node]:
    """Time the nodes of `model` on `inputs`: the SLOWEST ones, and the sum of all after the last product."""
    events = _profile(bundle, model, inputs, providers, 1 + RUNS, threads, optimized=True)
    nodes = ranked(events)
    return [*nodes[:SLOWEST], finish(events, nodes)]


def finish(events: Iterable[Event], nodes: Sequence[Node]) -> Node:
    """Sum the nodes after the last product: the post-processing inside a graph that generates pictures."""
    order = list(dict.fromkeys(event["name"].removesuffix(KERNEL) for event in events))
    named = {node.name: node for node in nodes}
    last = max((at for at, name in enumerate(order) if named[name].operator in PRODUCTS), default=-1)
    after = [named[name] for name in order[last + 1 :]]
    share, milliseconds = (sum(getattr(node, key) for node in after) for key in ("share", "milliseconds"))
    shape = after[-1].shape if after else []
    return Node("after the last product", f"{len(after)} nodes", round(share, 4), round(milliseconds, 4), shape)


def ranked(events: Iterable[Event], runs: int = 1 + RUNS) -> list[Node]:
    """Sum the times of each node over all runs but the first; slowest nodes first."""
    durations: dict[str, list[int]] = {}
    arguments: dict[str, Event] = {}
    for event in events:
        durations.setdefault(event["name"], []).append(event["dur"])
        arguments[event["name"]] = event["args"]
    times = {name: sum(runs_of_node[len(runs_of_node) // runs :]) for name, runs_of_node in durations.items()}
    total = sum(times.values()) or 1
    nodes = []
    for name in sorted(times, key=lambda name: -times[name]):
        shape = next(iter((arguments[name].get("output_type_shape") or [{"": []}])[0].values()))
        milliseconds = times[name] / 1e3 / max(1, runs - 1)
        operator = arguments[name]["op_name"]
        plain = name.removesuffix(KERNEL)
        nodes.append(Node(plain, operator, round(times[name] / total, 4), round(milliseconds, 4), shape))
    return nodes


def _operations(operator: str, arguments: dict[str, Any]) -> int:
    inputs = [_shape(tensor) for tensor in arguments["input_type_shape"]]
    data, weight = (inputs[place] for place in PRODUCTS[operator])
    output = _shape(arguments["output_type_shape"][0])
    if operator == "ConvTranspose":  # each input value is multiplied by the filters of all outputs of its group
        return 2 * math.prod(data) * math.prod(weight[1:])
    if "Conv" in operator:
        return 2 * math.prod(output) * math.prod(weight[1:])
    # Gemm may transpose its factors, so the number of terms is the weight's size divided by the output's columns.
    return 2 * math.prod(output) * (math.prod(weight) // output[-1] if operator == "Gemm" else data[-1])


def _shape(tensor: dict[str, list[int]]) -> list[int]:
    return next(iter(tensor.values()))


def _profile(
    bundle: Bundle,
    model: Model,
    inputs: dict[str, Array],
    providers: list[str],
    runs: int,
    threads: int,
    optimized: bool,
) -> list[Event]:
    with needs_extra("cpu"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.intra_op_num_threads = threads
    if not optimized:
        # Prepacked weights are missing from the inputs of their nodes.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(bundle.graph(model), options, providers=providers)
        for _ in range(runs):
            session.run([model.outputs[0].name], inputs)
        events: list[Event] = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return [event for event in events if event.get("cat") == "Node" and event["name"].endswith(KERNEL)]
