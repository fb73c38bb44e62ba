"""Time whole processes from start to exit.

    python benchmarks/startup.py            # writes benchmarks/results/startup.json

Draws one picture by `pgen image` and by PyTorch with the same weights (pgexport.peers.cold_start), only opens the same
model, and runs `pgen --version` beside an empty interpreter. The processes of a round run one after the other, so that
the machine's drift hits all alike; times are medians of ROUNDS rounds, ratios medians of each round's ratio. Pictures
are compared once.
"""

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rounds import clocks, in_turn, ratios

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgen.backends.parity import measure
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgexport.peers.cold_start import prepare

RESULT = Path(__file__).parent / "results" / "startup.json"
ROUNDS = 15
WARM_UP = 2
NAME, SENTENCE = "Charizard", "a red fire dragon"

DRAWN, TORCH, TORCH_ALONE = f'pgen image "{NAME}" --out out.png', "PyTorch + transformers", "PyTorch, text stored"
VERSION, EMPTY, OPENED = "pgen --version", 'python -c ""', "python, the model opened"
OPEN = """import sys, numpy, onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])"""
"""What no picture can do without: NumPy and ONNX Runtime imported, and the generator opened, with default settings."""

PAIRS = (
    (DRAWN, TORCH),
    (f'pgen image "{SENTENCE}" --out out.png', TORCH),
    (f'pgen image "{NAME}" --device openvino', TORCH_ALONE),
    (DRAWN, TORCH_ALONE),
    (DRAWN, 'python -c "import torch"'),
    (DRAWN, OPENED),
    (VERSION, EMPTY),
)
"""Pairs of processes whose ratio is reported: the time of the first over that of the second."""


def commands(folder: Path) -> dict[str, list[str]]:
    """Make the commands to time. The default installation has no OpenVINO, so it runs on `cpu`."""
    bundle = open_bundle(EMBEDDED)
    python, pgen = sys.executable, str(Path(sys.executable).parent / "pgen")
    peer = [python, "-m", "pgexport.peers.cold_start", "draw", str(folder)]
    image = [pgen, "image", "--out", str(folder / "out.png"), "--device"]
    named = {
        DRAWN: [*image, "cpu", NAME],
        f'pgen image "{SENTENCE}" --out out.png': [*image, "cpu", SENTENCE],
        TORCH: [*peer, str(folder / "peer.png"), "torch", NAME],
        TORCH_ALONE: [*peer, str(folder / "stored.png"), "torch"],
        'python -c "import torch"': [python, "-c", "import torch"],
        VERSION: [pgen, "--version"],
        OPENED: [python, "-c", OPEN, str(bundle.folder / bundle.model("text-to-image").file)],
        EMPTY: [python, "-c", ""],
    }
    if find_spec("openvino"):
        named[f'pgen image "{NAME}" --device openvino'] = [*image, "openvino", NAME]
    return named


def seconds(command: list[str]) -> float:
    """Run one process to its end and time it."""
    return clocks(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))[0]


def differences(folder: Path, named: dict[str, list[str]]) -> dict[str, float]:
    """Compare the peers' pictures with that of `pgen image`: 99.9 % of premultiplied channels within so many levels."""
    for name in (DRAWN, TORCH, TORCH_ALONE):
        subprocess.run(named[name], check=True, stdout=subprocess.DEVNULL)
    ours, *others = (np.array(Image.open(folder / f"{name}.png"))[None] for name in ("out", "peer", "stored"))
    return {name: round(measure(ours, other).most, 1) for name, other in zip((TORCH, TORCH_ALONE), others, strict=True)}


def run() -> dict[str, Any]:
    """Time every command and compute the ratios of PAIRS."""
    machine = environment()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder, EMBEDDED, "", NAME)
        named = commands(folder)
        apart = differences(folder, named)
        times = in_turn({name: partial(seconds, command) for name, command in named.items()}, ROUNDS, WARM_UP)
    return {
        "command": "python benchmarks/startup.py",
        "rounds": ROUNDS,
        "median_ms": {name: round(1e3 * statistics.median(spent), 1) for name, spent in times.items()},
        "range_ms": {name: [round(1e3 * end(spent), 1) for end in (min, max)] for name, spent in times.items()},
        "ratios": {
            f"{first} over {second}": round(statistics.median(ratios(times[first], times[second])), 3)
            for first, second in PAIRS
            if first in times
        },
        "levels_apart": apart,
        "environment": machine | {"load_average_after": load_average()},
    }


if __name__ == "__main__":
    write_json(RESULT, run())
