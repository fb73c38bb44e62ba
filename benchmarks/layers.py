"""Where the time of the embedded generator goes in OpenVINO, by its own profile of every layer.

    python benchmarks/layers.py                 # writes benchmarks/results/layers.json

One picture on one thread in bf16, compiled as the runtime compiles it; the profile itself costs a little. Times are
means of RUNS runs after WARM_UP others.
"""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from pgbench.measuring.environment import environment
from pgbench.processes.pgen_worker import default_inputs
from pgbench.reporting.files import write_json
from pgen.backends.openvino.probe import open_core
from pgen.bundle.reader import EMBEDDED, open_bundle

RESULT = Path(__file__).parent / "results" / "layers.json"
RUNS, WARM_UP = 50, 10
SLOWEST = 5
"""Layers that are listed."""

KINDS = {
    "Convolution": "convolutions",
    "FullyConnected": "matrix products",
    "FullyConnectedCompressed": "matrix products",
    "MatMul": "matrix products",
    "Subgraph": "fused element-wise layers",
    "Reorder": "layouts and copies",
    "Transpose": "layouts and copies",
    "Concat": "layouts and copies",
    "Split": "layouts and copies",
    "VariadicSplit": "layouts and copies",
    "Slice": "layouts and copies",
    "Interpolate": "resizing and its filter",
    "DepthToSpace": "resizing and its filter",
    "GroupConvolution": "resizing and its filter",
}
"""Kinds of layers, by OpenVINO's types of nodes."""


def profile() -> dict[str, Any]:
    """Measure milliseconds of every layer, and add them up by kind."""
    bundle = open_bundle(EMBEDDED)
    model = bundle.model("text-to-image")
    core = open_core()
    graph = core.read_model(io.BytesIO(bundle.graph(model)))
    graph.reshape({port: [1, *port.get_partial_shape()[1:]] for port in graph.inputs})
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
        "INFERENCE_NUM_THREADS": "1",
        "PERF_COUNT": "YES",
    }
    request = core.compile_model(graph, "CPU", settings).create_infer_request()
    feeds = default_inputs(model, 1)
    feeds["text"] = np.random.default_rng(0).standard_normal(feeds["text"].shape, np.float32)
    kinds, layers, nodes = Counter[str](), Counter[str](), Counter[str]()
    for run in range(WARM_UP + RUNS):
        request.infer(feeds)
        for info in request.profiling_info if run >= WARM_UP else ():
            kind, took = KINDS.get(info.node_type, "others"), info.real_time.total_seconds() * 1e3 / RUNS
            if not took:
                continue  # fused into another
            kinds[kind] += took
            layers[f"{info.node_name} ({info.node_type}, {info.exec_type})"] += took
            nodes[kind] += 1
    total = sum(kinds.values())
    return {
        "milliseconds": round(total, 3),
        "kinds": {
            kind: {"layers": nodes[kind] // RUNS, "milliseconds": round(took, 3), "share": round(took / total, 4)}
            for kind, took in kinds.most_common()
        },
        "slowest": {layer: round(took / total, 4) for layer, took in layers.most_common(SLOWEST)},
    }


if __name__ == "__main__":
    machine = environment()
    write_json(RESULT, {"command": "python benchmarks/layers.py"} | profile() | {"environment": machine})
