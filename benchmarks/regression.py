"""Detect a lost optimization in CI, by ratios of things timed in turn on the same machine.

    python benchmarks/regression.py         # exits with 1 where a ratio lies beyond its bound; under half a minute

Absolute times mean nothing on a shared machine. A ratio of two things that use the processor alike does, if both run in
turn and the fastest of several runs counts, because other load only ever adds time. A check passes with the first of
TRIES tries that lies within its bound, so one busy moment fails nothing. Bounds are at least twice the value measured
on two cores of a server (`usual`): they catch a lost optimization, not a few percent.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from pgbench.processes.matmul import product
from pgbench.processes.pgen_worker import Runtime, to_images, to_pngs
from pgbench.processes.rates import OPERATIONS, SIDE
from pgbench.roofline import graphs
from pgen.api import load
from pgen.backends.cores import cores

TRIES = 3
Work = Callable[[], object]


@dataclass(frozen=True)
class Check:
    """The time of `work` over that of `yardstick`, times `scale`, is at most `bound`; `usual` is what was measured."""

    name: str
    work: Work
    yardstick: Work
    usual: float
    bound: float
    rounds: int = 5
    scale: float = 1.0

    def ratio(self, clock: Callable[[], float] = time.perf_counter) -> float:
        """Run both in turn and divide the fastest by the fastest."""
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(self.rounds):
            for times, run in zip(seconds, (self.work, self.yardstick), strict=True):
                began = clock()
                run()
                times.append(clock() - began)
        return self.scale * min(seconds[0]) / min(seconds[1])

    def tries(self) -> Iterator[float]:
        """Try until a ratio lies within the bound, TRIES times at most."""
        for _ in range(TRIES):
            yield (ratio := self.ratio())
            if ratio <= self.bound:
                return


def checks(folder: Path) -> list[Check]:
    """Prepare the checks."""
    threads = cores()
    runtime = Runtime(load(threads=threads), None)
    one, eight = runtime.inputs(1), runtime.inputs(8)
    images = to_images(runtime.draw(eight))
    products = _products(threads)
    work = graphs(runtime.generator.bundle, runtime.model, 8)["generator"]
    pgen, out = [str(Path(sys.executable).parent / "pgen")], ["--out", str(folder / "out.png")]
    help_process, empty = _process([*pgen, "--help"]), _process([sys.executable, "-c", ""])
    drawn, torch = _process([*pgen, "image", "Charizard", *out]), _process([sys.executable, "-c", "import torch"])
    # Matrix products are the yardstick of a generator because both use all cores and the same execution units.
    return [
        Check("pgen --help over an empty python", help_process, empty, usual=1.3, bound=3),
        Check("pgen image NAME over import torch", drawn, torch, usual=0.25, bound=0.8, rounds=2),
        Check(
            "generator at batch 8 over products of as many operations",
            lambda: runtime.draw(eight),
            products,
            usual=1.3,
            bound=3.5,
            scale=OPERATIONS / work.operations,
        ),
        Check(
            "a picture in a batch of 8 over one alone",
            lambda: runtime.draw(eight),
            lambda: runtime.draw(one),
            usual=0.9,
            bound=2,
            scale=1 / 8,
        ),
        Check("8 PNGs over drawing them", lambda: to_pngs(images), lambda: runtime.draw(eight), usual=0.05, bound=0.25),
    ]


def _products(threads: int) -> Work:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    right = np.ones((SIDE, SIDE), np.float32)
    session = onnxruntime.InferenceSession(product(right), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": right})


def _process(command: list[str]) -> Work:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for check in checks(Path(folder)):
            ratios = list(check.tries())
            failed += ratios[-1] > check.bound
            tried = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            state = "ok" if ratios[-1] <= check.bound else "TOO SLOW"
            print(f"{state:8}  {check.name}: {tried} (usual {check.usual:g}, bound {check.bound:g})")
    sys.exit(int(failed > 0))


if __name__ == "__main__":
    main()
