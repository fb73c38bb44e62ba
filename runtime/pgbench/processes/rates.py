"""Peak rates of the machine: matrix products by arithmetic type, and memory copies.

Products of two SIDE x SIDE matrices are computed by the libraries that also run the models, so that models could reach
their rate. The fastest of many calls counts, because other load on the machine only makes calls slower.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np

from pgbench.processes.matmul import product

SIDE = 1536
"""Rows and columns; three such matrices in float32 take 28 MB, less than the last-level cache of a server."""

COPIED = 2**26
"""Bytes that each thread copies at a time, more than its share of any cache."""

OPERATIONS = 2 * SIDE**3


def best(work: Callable[[], object], seconds: float) -> float:
    """Call `work` for `seconds`, at least three times, and return the seconds of the fastest call."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def rates(threads: int, seconds: float) -> dict[str, float]:
    """Measure operations a second by arithmetic type, and "copy": bytes read and written a second."""
    works = onnx_products(threads) | openvino_products(threads)
    rates_by_type = {name: OPERATIONS / best(work, seconds) for name, work in works.items()}
    return rates_by_type | {"copy": copy_rate(threads, seconds)}


def onnx_products(threads: int) -> dict[str, Callable[[], object]]:
    """Prepare products in ONNX Runtime: in float32, and of uint8 by int8."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    draw = np.random.default_rng(0)
    works: dict[str, Callable[[], object]] = {}
    for name, types in (("float32", (np.float32, np.float32)), ("int8", (np.uint8, np.int8))):
        # The second factor is a constant, as weights are, so that a library can prepack it.
        left, right = (draw.integers(0, 9, (SIDE, SIDE)).astype(dtype) for dtype in types)
        session = onnxruntime.InferenceSession(product(right), options, providers=["CPUExecutionProvider"])
        works[name] = lambda session=session, left=left: session.run(None, {"left": left})  # type: ignore[misc]
    return works


def openvino_products(threads: int) -> dict[str, Callable[[], object]]:
    """Prepare a product in OpenVINO in bfloat16, where it is installed."""
    if not find_spec("openvino"):
        return {}
    import openvino

    draw = np.random.default_rng(0)
    left, right = (draw.standard_normal((SIDE, SIDE)).astype(np.float32) for _ in range(2))
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(product(right), b""), "CPU", settings)
    request = compiled.create_infer_request()
    return {"bfloat16": lambda: request.infer({0: left})}


def copy_rate(threads: int, seconds: float) -> float:
    """Copy memory in all threads at once; bytes read and written a second."""
    pairs = [(np.ones(COPIED, np.uint8), np.zeros(COPIED, np.uint8)) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:

        def work() -> None:
            for done in [pool.submit(np.copyto, target, source) for source, target in pairs]:
                done.result()

        return 2 * threads * COPIED / best(work, seconds)
