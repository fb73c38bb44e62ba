"""What each precision is worth on ONNX Runtime's CPU provider: size, parity and speed, side by side.

    python benchmarks/precision.py --run runs/stackgan      # rewrites benchmarks/results/precision.json

Every precision is exported to a temporary folder as `pgexport` would (int8 too where it would not be kept), and
compared with PyTorch in float32 on fresh latents and on texts of the run. All take turns, a batch each, so that the
machine's drift hits all alike; figures are medians over rounds, and a ratio's range is over the ratios of single
rounds. A precision that the provider cannot run says so; its parity is that of the same graph with its roundings
written out between float32 operators. An encoder in int8 takes its texts one by one (its scales are seconds from the
batch), all others take them as one batch.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from rounds import clocks, in_turn, ratios, spread

from pgbench.measuring.environment import environment, load_average
from pgbench.reporting.files import write_json
from pgexport.parity.comparisons import in_pytorch
from pgexport.precision import compress
from pgexport.precision.audit import audit
from pgexport.precision.bf16_emulation import emulated
from pgexport.precision.half import HALVES, LOWEST_OPSET
from pgexport.precision.quantize import INT8_COSINE, INT8_PSNR, Outcome, int8_encoder, int8_generator, samples
from pgexport.tracing.opset import OPSET
from pgexport.tracing.run_loader import LoadedRun, load_run
from pgexport.tracing.specs import SENTENCES, model_specs
from pgexport.trial import FARTHEST
from pgtrain.models.text_encoder import MAX_TOKENS, embed, load_encoder
from pokegan.errors import one_line
from pokegan.image_metrics import premultiplied, psnr

RESULTS = Path(__file__).parent / "results" / "precision.json"
BASE = "float32"
WARM_UP = 2
TOKENS = 12
"""Tokens a text when speed is measured."""

Feeds = dict[str, NDArray[Any]]
Graphs = dict[str, onnx.ModelProto]
Target = Callable[[Feeds], NDArray[Any]]
Compare = Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]


@dataclass(frozen=True)
class Subject:
    """A model of the run: its graph in every precision, what PyTorch gives on `feeds`, and how to compare."""

    graphs: Graphs
    outcome: Outcome
    feeds: list[Feeds]
    expected: NDArray[Any]
    compare: Compare


def pictures_apart(expected: NDArray[Any], actual: NDArray[Any]) -> dict[str, float]:
    """Compare pictures, premultiplied."""
    difference = np.abs(premultiplied(expected) - premultiplied(actual))
    most = float(np.percentile(difference, 99.9))
    return {"psnr": round(psnr(difference), 2), "most": round(most, 2), "worst": round(float(difference.max()), 1)}


def embeddings_apart(expected: NDArray[Any], actual: NDArray[Any]) -> dict[str, float]:
    """Compare embeddings by their cosines."""
    cosines = (expected * actual).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(actual, axis=1)
    return {"cosine_lowest": round(float(cosines.min()), 6), "cosine_mean": round(float(cosines.mean()), 6)}


def subjects(run: LoadedRun) -> dict[str, Subject]:
    """Export generator and encoder of a run in every precision."""
    encoder = load_encoder(run.described["encoder"])
    names = run.described["data"]["names"]
    texts = [*names[:: max(1, len(names) // 32)], *SENTENCES]
    text = embed(encoder, texts).numpy()
    encoder_spec, generator_spec = model_specs(run, encoder)
    options = {"truncation": True, "max_length": MAX_TOKENS, "return_tensors": "np"}
    encodings = [encoder.tokenizer(sentence, **options) for sentence in texts]
    tokens = [{name: row[name].astype(np.int64) for name in ("input_ids", "attention_mask")} for row in encodings]
    fresh = samples(generator_spec.widths, text, count=8, seed=1)
    generators, encoders = {BASE: generator_spec.export(OPSET)}, {BASE: encoder_spec.export(OPSET)}
    generators["compact"] = compress.compress(generators[BASE], compress.GENERATOR)
    encoders["compact"] = compress.compress(encoders[BASE], compress.ENCODER)
    for name, dtype in HALVES.items():
        generators[name] = generator_spec.export(LOWEST_OPSET[name], dtype)
        encoders[name] = encoder_spec.export(LOWEST_OPSET[name], dtype)
    far = [{name: values[:8] for name, values in generator_spec.cases(0)[FARTHEST].items()}]
    generator_int8 = int8_generator(generators[BASE], samples(generator_spec.widths, text), INT8_PSNR, far)
    encoder_int8 = int8_encoder(encoders[BASE], tokens, INT8_COSINE)
    generators["int8"], encoders["int8"] = generator_int8.quantized, encoder_int8.quantized
    expected = np.concatenate([in_pytorch(generator_spec.network, feeds)[0] for feeds in fresh])
    return {
        "generator": Subject(generators, generator_int8, [dict(feeds) for feeds in fresh], expected, pictures_apart),
        "encoder": Subject(encoders, encoder_int8, tokens, text, embeddings_apart),
    }


def measure(name: str, subject: Subject, batches: list[int], rounds: int, threads: int, folder: Path) -> dict[str, Any]:
    """Compare every precision of one model, then time those that run."""
    report: dict[str, Any] = {}
    targets: dict[str, Target] = {}
    for precision, graph in subject.graphs.items():
        path = folder / f"{name}-{precision}.onnx"
        onnx.save(graph, path)
        report[precision] = {"bytes": path.stat().st_size, "products": audit(graph).products()}
        try:
            session = _session(path.read_bytes(), threads)
        except Exception as error:  # onnxruntime's exceptions share no base class
            report[precision]["cannot_run"] = one_line(error, 160)
            session = _session(emulated(graph).SerializeToString(), threads)
        else:
            targets[precision] = _target(session, alone=(name, precision) == ("encoder", "int8"))
        outputs = np.concatenate([session.run(None, feeds)[0] for feeds in subject.feeds])
        report[precision]["parity"] = subject.compare(subject.expected, outputs)
    report["int8"]["pgexport"] = subject.outcome.reason
    for batch in batches:
        for precision, speed in _speeds(targets, _resized(name, subject, batch), batch, rounds).items():
            report[precision].setdefault("per_second", {})[str(batch)] = speed
    return report


def _resized(name: str, subject: Subject, batch: int) -> Feeds:
    if name == "encoder":
        ids = np.random.default_rng(0).integers(1000, 20_000, (batch, TOKENS)) % _vocabulary(subject.graphs[BASE])
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    whole = {key: np.concatenate([feeds[key] for feeds in subject.feeds]) for key in subject.feeds[0]}
    return {key: np.resize(values, (batch, values.shape[1])) for key, values in whole.items()}


def _vocabulary(graph: onnx.ModelProto) -> int:
    return max(int(tensor.dims[0]) for tensor in graph.graph.initializer if len(tensor.dims) == 2)


def _speeds(targets: dict[str, Target], feeds: Feeds, batch: int, rounds: int) -> dict[str, dict[str, float]]:
    runs = {name: partial(clocks, partial(target, feeds)) for name, target in targets.items()}
    seconds = {name: [clock for clock, _ in pairs] for name, pairs in in_turn(runs, rounds, WARM_UP).items()}
    speeds = {}
    for name, times in seconds.items():
        ratio = spread(ratios(seconds[BASE], times), 3)
        rates = {"median": round(batch / statistics.median(times), 2), "over_float32": ratio["median"]}
        speeds[name] = rates | {"lowest": ratio["lowest"], "highest": ratio["highest"]}
    return speeds


def _target(session: Any, alone: bool) -> Target:
    output = session.get_outputs()[0].name

    def whole(feeds: Feeds) -> NDArray[Any]:
        result: NDArray[Any] = session.run([output], feeds)[0]
        return result

    def one_by_one(feeds: Feeds) -> NDArray[Any]:
        count = len(next(iter(feeds.values())))
        return np.concatenate([whole({k: v[row : row + 1] for k, v in feeds.items()}) for row in range(count)])

    return one_by_one if alone else whole


def _session(model: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # sessions starve each other otherwise
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a run of pgtrain stackgan")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0, help="0: one a core")
    parser.add_argument("--batches", default="1,16", help="pictures and texts at once")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    before = environment()
    batches = [int(batch) for batch in options.batches.split(",")]
    source = load_run(options.run)
    trained = source.position | {"epochs": source.described["epochs"], "phase": source.metrics["phase"]}
    with tempfile.TemporaryDirectory() as folder:
        models = {
            name: measure(name, subject, batches, options.rounds, options.threads, Path(folder))
            for name, subject in subjects(source).items()
        }
    result = {
        "run": {"system": source.system, "data": source.described["data"]["digest"]} | trained,
        "rounds": options.rounds,
        "threads": options.threads,
        "provider": "CPUExecutionProvider",
        "models": models,
        "environment": before | {"load_average_after": load_average()},
    }
    write_json(options.out, result)
    print(json.dumps(models, indent=1))


if __name__ == "__main__":
    main()
