"""The roofline: rates of the backends relative to the peak rates of the machine."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pgbench.processes.backends import TORCH, Opened
from pgbench.processes.client import Process
from pgbench.processes.pgen_worker import default_inputs, find
from pgbench.processes.worker import Array, texts
from pgbench.profile import Work, count, slowest
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.text_encoder import TextEncoder

Rates = dict[str, dict[str, float]]
"""Operations and bytes a second by kind ("float32", "copy"), by where ("cpu", "cuda")."""


def limits(
    backends: Sequence[Process],
    opened: Opened,
    measured: Sequence[dict[str, Any]],
    rates: Rates,
) -> dict[str, Any]:
    """Count the work of each graph, and relate the measured times to it and to the machine's rates."""
    bundle = open_bundle(opened.bundle)
    model = find(bundle, opened.model)
    batches = sorted({entry["batch"] for entry in measured})
    work = {batch: graphs(bundle, model, batch) for batch in batches}
    return {
        "rates": rates,
        "work": [
            {"batch": batch, "part": part} | asdict(done) for batch in batches for part, done in work[batch].items()
        ],
        "reached": list(_reached(backends, measured, work, rates)),
        "slowest_nodes": _nodes(backends[0], bundle, model, batches[-1], opened.threads),
    }


def graphs(bundle: Bundle, model: Model, batch: int) -> dict[str, Work]:
    """Count the work of each part that runs graphs, on `batch` texts and seeds."""
    works = {"generator": count(bundle, model, default_inputs(model, batch))}
    if model.reads_text:
        encoder = bundle.model("encoder")
        works["encoder"] = _total(count(bundle, encoder, tokens) for tokens in _tokens(bundle, batch))
    return works | {"end to end": _total(list(works.values()))}


def _tokens(bundle: Bundle, batch: int) -> list[dict[str, Array]]:
    """Make the encoder's inputs as the runtime batches them: texts of equal length together."""
    by_length: dict[int, list[list[int]]] = {}
    for ids in TextEncoder(bundle).tokens(texts(batch)):
        by_length.setdefault(len(ids), []).append(ids)
    arrays = [np.array(rows, np.int64) for rows in by_length.values()]
    return [{"input_ids": ids, "attention_mask": np.ones_like(ids)} for ids in arrays]


def _total(works: Iterable[Work]) -> Work:
    added, by_operator = dict.fromkeys(("operations", "bytes", "floats", "float_bytes"), 0), dict[str, int]()
    for work in works:
        for name in added:
            added[name] += getattr(work, name)
        for operator, number in work.by_operator.items():
            by_operator[operator] = by_operator.get(operator, 0) + number
    return Work(by_operator=by_operator, **added)


def one_of_each(backends: Sequence[Process]) -> list[Process]:
    """Choose one backend of each library on each processor, to measure the machine's rates with."""
    return list({(backend.facts["where"], backend.name in TORCH): backend for backend in backends}.values())


def take_rates(rates: Rates, raters: Sequence[Process], seconds: float) -> None:
    """Measure the machine with each of `raters`, and keep the highest rates in `rates`."""
    for rater in raters:
        best = rates.setdefault(rater.facts["where"], {})
        for kind, rate in rater.ask("rates", seconds=seconds).items():
            best[kind] = max(best.get(kind, 0), rate)


def _reached(
    backends: Sequence[Process],
    measured: Sequence[dict[str, Any]],
    work: dict[int, dict[str, Work]],
    rates: Rates,
) -> Iterable[dict[str, Any]]:
    facts = {backend.name: backend.facts for backend in backends}
    for entry in measured:
        done = work[entry["batch"]].get(entry["part"])
        backend = facts[entry["backend"]]
        if done and done.operations:
            rate = done.operations / (entry["p50_ms"] / 1e3)
            arithmetic = backend["encoder_arithmetic" if entry["part"] == "encoder" else "arithmetic"]
            top = roof(done, arithmetic, rates.get(backend["where"], {}))
            yield {
                **{key: entry[key] for key in ("batch", "part", "backend")},
                "arithmetic": arithmetic,
                "operations_per_second": rate,
                **top,
                "fraction": top["limit"] and round(rate / top["limit"], 3),
            }


def roof(work: Work, arithmetic: str, rates: dict[str, float]) -> dict[str, Any]:
    """Find the bound of `work`: the rate of products, or of copying (Williams, Waterman and Patterson, 2009)."""
    intensity = work.operations / max(1, work.moved(arithmetic))
    product, copy = rates.get(arithmetic), rates.get("copy")
    if product is None or copy is None:
        return {"operations_per_byte": intensity, "limit": None, "bound": None}
    bound = "products" if product <= intensity * copy else "copying"
    return {"operations_per_byte": intensity, "limit": min(product, intensity * copy), "bound": bound}


def _nodes(subject: Process, bundle: Bundle, model: Model, batch: int, threads: int) -> dict[str, Any]:
    """Profile the graphs in ONNX Runtime: on the subject's providers, or on the CPU if the subject is another library.

    OpenVINO and TensorRT fuse nodes differently; ONNX Runtime's times show which part of the graph is slow.
    """
    runs_on = subject.facts["runs_on"]
    providers = runs_on if runs_on[0].endswith("ExecutionProvider") else ["CPUExecutionProvider"]
    parts = {"generator": slowest(bundle, model, default_inputs(model, batch), providers, threads)}
    if model.reads_text:
        parts["encoder"] = slowest(bundle, bundle.model("encoder"), _tokens(bundle, batch)[0], providers, threads)
    tables = {part: [asdict(node) for node in nodes] for part, nodes in parts.items()}
    return {"batch": batch, "runs_on": providers, "parts": tables}
