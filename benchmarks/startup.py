"""Whole processes, start to exit, in turn: what a person waits for.

    python benchmarks/startup.py > benchmarks/results/startup.json

Compares `pgen image "Charizard"` with `import torch`, and `pgen --help` with an empty interpreter. The commands
of one round run one after the other, so that the machine's drift hits all alike; medians of ROUNDS rounds.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pgbench.environment import environment

ROUNDS = 15
WARM_UP = 2


def commands(folder: Path) -> dict[str, list[str]]:
    """Name the processes to time."""
    python, pgen = sys.executable, str(Path(sys.executable).parent / "pgen")
    out = ["--out", str(folder / "out.png")]
    return {
        'pgen image "Charizard" --out out.png': [pgen, "image", "Charizard", *out],
        'pgen image "a red fire dragon" --out out.png': [pgen, "image", "a red fire dragon", *out],
        'python -c "import torch"': [python, "-c", "import torch"],
        "pgen --help": [pgen, "--help"],
        'python -c ""': [python, "-c", ""],
    }


def seconds(command: list[str]) -> float:
    """Run one process to its end and time it."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def run() -> dict[str, Any]:
    """Time every command and relate the pairs that are claimed."""
    with tempfile.TemporaryDirectory() as folder:
        named = commands(Path(folder))
        taken: dict[str, list[float]] = {name: [] for name in named}
        for number in range(WARM_UP + ROUNDS):
            for name, command in named.items():
                took = seconds(command)
                if number >= WARM_UP:
                    taken[name].append(took)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    known, sentence, torch, helped, empty = medians.values()
    return {
        "rounds": ROUNDS,
        "median_ms": {name: round(1e3 * value, 1) for name, value in medians.items()},
        "range_ms": {name: [round(1e3 * min(t), 1), round(1e3 * max(t), 1)] for name, t in taken.items()},
        "ratios": {
            "a known name over import torch": round(known / torch, 3),
            "a sentence over import torch": round(sentence / torch, 3),
            "pgen --help over an empty python": round(helped / empty, 3),
        },
        "environment": environment(),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
