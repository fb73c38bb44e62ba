"""One picture model on one thread: ONNX Runtime, OpenVINO and PyTorch, by the processor time that a picture costs.

    python benchmarks/devices.py            # writes benchmarks/results/devices.json

Processor time does not depend on what else the machine does; on an idle machine the clock also shows how well several
threads are used (``pgbench --vs``). Backends take turns, batch by batch; medians of ROUNDS rounds.
"""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rounds import clocks, in_turn, ratios

from pgbench.measuring.environment import environment, load_average
from pgbench.processes.pgen_worker import Runtime
from pgbench.reporting.files import write_json
from pgen.api import Generator
from pgen.backends.parity import measure
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgexport.peers.eager import Eager, Mode

RESULT = Path(__file__).parent / "results" / "devices.json"
ROUNDS = 9
WARM_UP = 2
BATCHES = (1, 8)
DEVICES = ("cpu", "openvino", "openvino-f32")

Inputs = dict[str, Any]
Draw = Callable[[Inputs], Any]


def runtime(device: str) -> Runtime:
    return Runtime(Generator(open_bundle(EMBEDDED), device, 1), None)


def backends() -> dict[str, Draw]:
    """Make the functions that draw from a model's inputs, each on one thread."""
    torch.set_num_threads(1)
    drawn: dict[str, Draw] = {device: runtime(device).draw for device in DEVICES}
    return drawn | {"PyTorch eager": Eager(Mode("torch"), open_bundle(EMBEDDED), None).draw}


def processor_ms(draw: Draw, inputs: Inputs) -> float:
    """Measure the processor time of one batch, a picture of it."""
    return 1e3 * clocks(partial(draw, inputs))[1] / len(inputs["latent"])


def run() -> dict[str, Any]:
    """Time every backend at every batch, and compare its pictures with PyTorch's."""
    machine, named, cpu = environment(), backends(), runtime("cpu")
    medians: dict[str, Any] = {}
    for batch in BATCHES:
        inputs = cpu.inputs(batch)
        times = in_turn({name: partial(processor_ms, draw, inputs) for name, draw in named.items()}, ROUNDS, WARM_UP)
        medians[f"batch {batch}"] = {
            name: {
                "processor_ms_a_picture": round(statistics.median(spent), 2),
                "over_pytorch": round(statistics.median(ratios(times["PyTorch eager"], spent)), 2),
                "over_cpu": round(statistics.median(ratios(times["cpu"], spent)), 2),
            }
            for name, spent in times.items()
        }
    expected = named["PyTorch eager"](inputs)
    apart = {name: vars(measure(expected, named[name](inputs))) for name in DEVICES}
    return {
        "command": "python benchmarks/devices.py",
        "rounds": ROUNDS,
        "median": medians,
        "apart_from_pytorch": {
            name: {key: round(value, 1) for key, value in figures.items()} for name, figures in apart.items()
        },
        "environment": machine | {"load_average_after": load_average()},
    }


if __name__ == "__main__":
    write_json(RESULT, run())
