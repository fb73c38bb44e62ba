"""One picture model on one thread: ONNX Runtime, OpenVINO and PyTorch, by the processor time that a picture costs.

    python benchmarks/devices.py            # writes benchmarks/results/devices.json

Processor time does not depend on what else the machine does; on an idle machine the clock also shows how well several
threads are used (``pgbench --vs``). Backends take turns, batch by batch; medians of ROUNDS rounds.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgen.api import Generator
from pgen.backends.parity import measure
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgexport.peers.eager import rebuild

RESULT = Path(__file__).parent / "results" / "devices.json"
ROUNDS = 9
WARM_UP = 2
BATCHES = (1, 8)
DEVICES = ("cpu", "openvino", "openvino-f32")

Draw = Callable[[Any, Any], Any]


def backends() -> dict[str, Draw]:
    """Make the functions that draw from latents and embeddings, each on one thread."""
    bundle = open_bundle(EMBEDDED)
    torch.set_num_threads(1)
    network = rebuild(bundle, bundle.model("text-to-image"))

    @torch.inference_mode()
    def eager(latent: Any, text: Any) -> Any:
        return network(torch.from_numpy(latent), torch.from_numpy(text))[0].numpy()

    drawn: dict[str, Draw] = {device: Generator(bundle, device, 1).generate for device in DEVICES}
    return drawn | {"PyTorch eager": eager}


def inputs(batch: int) -> tuple[Any, Any]:
    generator = Generator(open_bundle(EMBEDDED), "cpu", 1)
    names = list(generator.bundle.known_names)[:batch]
    return generator.draw(range(batch)), generator.embed(names)


def processor_ms(draw: Draw, feeds: tuple[Any, Any]) -> float:
    """Measure the processor time of one batch, a picture of it."""
    began = time.process_time()
    draw(*feeds)
    return 1e3 * (time.process_time() - began) / len(feeds[0])


def run() -> dict[str, Any]:
    """Time every backend at every batch, and compare its pictures with PyTorch's."""
    machine, named = environment(), backends()
    medians: dict[str, Any] = {}
    for batch in BATCHES:
        feeds = inputs(batch)
        rounds = [{name: processor_ms(draw, feeds) for name, draw in named.items()} for _ in range(WARM_UP + ROUNDS)]
        counted = rounds[WARM_UP:]
        medians[f"batch {batch}"] = {
            name: {
                "processor_ms_a_picture": round(statistics.median(one[name] for one in counted), 2),
                "over_pytorch": round(statistics.median(one["PyTorch eager"] / one[name] for one in counted), 2),
                "over_cpu": round(statistics.median(one["cpu"] / one[name] for one in counted), 2),
            }
            for name in named
        }
    expected = named["PyTorch eager"](*feeds)
    apart = {name: vars(measure(expected, named[name](*feeds))) for name in DEVICES}
    return {
        "command": "python benchmarks/devices.py",
        "rounds": ROUNDS,
        "median": medians,
        "apart_from_pytorch": {
            name: {key: round(value, 1) for key, value in figures.items()} for name, figures in apart.items()
        },
        "environment": machine | {"load_average_after": environment()["load_average"]},
    }


if __name__ == "__main__":
    write_json(RESULT, run())
