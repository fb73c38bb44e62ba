"""Threads of several sessions in one process: whether waiting threads spin, and how many the encoder has.

    python benchmarks/sessions.py           # writes benchmarks/results/sessions.json

Encoder and generator of the embedded bundle in ONNX Runtime, one text and one picture in turn, as ``pgen image`` needs
them, and the same in eight threads at once. The settings take turns, so that the machine's drift hits all alike; wall
and processor time are medians of ROUNDS rounds. pgen uses the last setting.
"""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rounds import clocks, in_turn

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgen.backends.base import with_defaults
from pgen.backends.cores import physical_cores
from pgen.bundle.reader import open_bundle
from pgen.latents import latents
from pgen.text_encoder import TextEncoder

RESULT = Path(__file__).parent / "results" / "sessions.json"
ROUNDS = 15
WARM_UP = 2
TEXT = "a small red dragon that breathes fire"

Session = Any
Pair = tuple[Session, Session]


def session(graph: bytes, threads: int, spins: bool) -> Session:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def settings(encoder: bytes, generator: bytes) -> dict[str, Pair]:
    """Open the sessions to compare, by setting."""
    cores = physical_cores()
    return {
        "ONNX Runtime's defaults": (session(encoder, 0, True), session(generator, 0, True)),
        "a thread a core, none spins": (session(encoder, cores, False), session(generator, cores, False)),
        "the same, one for the encoder": (session(encoder, 1, False), session(generator, cores, False)),
    }


def works(bundle: Any) -> dict[str, Callable[[Pair], None]]:
    """Make the work that each pair of sessions does in a round."""
    ids = np.array(TextEncoder(bundle).tokens([TEXT]), np.int64)
    tokens = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    model = bundle.model("text-to-image")
    latent = latents([0], model.settings["latent_dim"])

    def picture(pair: Pair) -> None:
        (text,) = pair[0].run(["sentence_embedding"], tokens)
        pair[1].run(["pictures"], with_defaults(model, {"latent": latent, "text": text}))

    def eight(pair: Pair) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: picture(pair), range(8)))

    def encode(pair: Pair) -> None:
        for _ in range(10):
            pair[0].run(["sentence_embedding"], tokens)

    return {"one text, one picture": picture, "the same in 8 threads": eight, "ten texts, one by one": encode}


def run() -> dict[str, Any]:
    """Time every work with every setting."""
    machine = environment()
    bundle = open_bundle()
    pairs = settings(*(bundle.graph(bundle.model(kind)) for kind in ("encoder", "text-to-image")))
    medians = {}
    for what, work in works(bundle).items():
        runs = {name: partial(clocks, partial(work, pair)) for name, pair in pairs.items()}
        medians[what] = {
            name: {
                "wall_ms": round(1e3 * statistics.median(clock for clock, _ in times), 2),
                "processor_ms": round(1e3 * statistics.median(processor for _, processor in times), 2),
            }
            for name, times in in_turn(runs, ROUNDS, WARM_UP).items()
        }
    return {
        "command": "python benchmarks/sessions.py",
        "rounds": ROUNDS,
        "median": medians,
        "environment": machine | {"load_average_after": load_average()},
    }


if __name__ == "__main__":
    write_json(RESULT, run())
