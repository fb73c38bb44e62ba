"""Cold start: from the start of a process to its first picture on disk.

Run as ``python -m pgbench.cold_start DEVICE BUNDLE MODEL THREADS OUT``: generates one picture as ``pgen image`` does,
of a text whose embedding is not stored. The file system's cache is warm.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pgbench.processes.backends import TORCH, Opened, runtime_backends
from pgbench.processes.worker import texts

RUNS = 5

PEER = "pgexport.peers.cold_start"
"""Program that runs PyTorch, in its own process, so that PyTorch is not imported here."""


def has_cold_start(backend: str) -> bool:
    """Return whether cold starts of a backend are measured: not those of compiled ones, which take minutes."""
    return not {"compile", "graph"} & set(backend.split("-"))


def prepare(folder: Path, opened: Opened) -> None:
    """Write the files that PyTorch's processes read into `folder`; not timed."""
    arguments = [str(folder), str(opened.bundle), opened.model or "", texts(1)[0]]
    _seconds([sys.executable, "-m", PEER, "prepare", *arguments])


def cold_start(backend: str, opened: Opened, prepared: Path, runs: int = RUNS) -> dict[str, Any]:
    """Time whole processes; those of PyTorch read the folder `prepared`, see :func:`prepare`."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "first.png")
        program = [sys.executable, "-m", *_program(backend, opened, prepared, out)]
        seconds = [_seconds(program) for _ in range(1 + runs)][1:]
    return {
        "what": "a process from start to exit, one picture written",
        "runs": runs,
        "median_ms": round(1e3 * statistics.median(seconds), 1),
        "range_ms": [round(1e3 * min(seconds), 1), round(1e3 * max(seconds), 1)],
    }


def _program(backend: str, opened: Opened, prepared: Path, out: str) -> list[str]:
    if backend in TORCH:
        return [PEER, "draw", str(prepared), out, backend, texts(1)[0]]
    return [
        "pgbench.cold_start",
        runtime_backends().get(backend, backend),
        str(opened.bundle),
        opened.model or "",
        str(opened.threads),
        out,
    ]


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Draw one picture."""
    from pgbench.processes.pgen_worker import Runtime, to_images, to_pngs
    from pgen.api import load

    device, bundle, model, threads, out = sys.argv[1:]
    runtime = Runtime(load(Path(bundle), device, int(threads)), model or None)
    drawn = runtime.draw(runtime.inputs(1))
    Path(out).write_bytes(to_pngs(to_images(drawn))[0] if drawn.ndim == 4 else drawn.tobytes())


if __name__ == "__main__":
    main()
