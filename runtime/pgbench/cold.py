"""Cold start: from the start of a process to its first picture on disk.

Run as ``python -m pgbench.cold DEVICE BUNDLE MODEL THREADS OUT``: draws one picture as ``pgen image`` does, of a
text whose embedding is not stored, and ends. The file system's cache is warm.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pgbench.backends import NEEDED, RUNTIME, TORCH, Opened

RUNS = 5


def cold_start(backend: str, opened: Opened, runs: int = RUNS) -> dict[str, Any]:
    """Time whole processes; of PyTorch's backends only ``import torch``, which all of them start with."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "first.png")
        told = [str(opened.bundle), opened.model or "", str(opened.threads), out]
        program = ["-m", "pgbench.cold", RUNTIME.get(backend, backend), *told]
        if backend in TORCH:
            program = ["-c", f"import {NEEDED[0]}"]
        taken = [_seconds([sys.executable, *program]) for _ in range(1 + runs)][1:]
    return {
        "what": "import torch alone" if backend in TORCH else "a process from start to exit, one picture written",
        "runs": runs,
        "median_ms": round(1e3 * statistics.median(taken), 1),
        "range_ms": [round(1e3 * min(taken), 1), round(1e3 * max(taken), 1)],
    }


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Draw one picture."""
    from pgbench.runtime import Runtime, to_images, to_pngs
    from pgen.generator import load

    device, bundle, model, threads, out = sys.argv[1:]
    runtime = Runtime(load(Path(bundle), device, int(threads)), model or None)
    drawn = runtime.draw(runtime.inputs(1))
    Path(out).write_bytes(to_pngs(to_images(drawn))[0] if drawn.ndim == 4 else drawn.tobytes())


if __name__ == "__main__":
    main()
