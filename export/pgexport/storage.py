"""Storages: the precisions that a model's graph can be written in, and their description in the manifest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from pgen.backends.base import run
from pgen.backends.onnxruntime import open_session
from pgen.bundle.reader import Bundle, Model
from pgen.errors import BundleInvalid
from pgen.text_encoder import MAX_BATCH
from pgexport.errors import OpsetInvalid
from pgexport.precision import compress
from pgexport.precision.audit import audit
from pgexport.precision.half import HALVES, LOWEST_OPSET
from pgexport.precision.quantize import INT8_COSINE, INT8_PSNR, Outcome, int8_encoder, int8_generator, samples
from pgexport.tracing.opset import OPSET, OPSETS
from pgexport.tracing.specs import ModelSpec
from pgexport.trial import FARTHEST, Feeds

PRECISIONS = {
    "compact": compress.PRECISION,
    "float32": "float32",
    "fp16": "float16 arithmetic and weights; norms, softmax and pixels in float32",
    "bf16": "bfloat16 arithmetic and weights; norms, softmax and pixels in float32",
    "int8": "int8 arithmetic where it costs little, the rest float32; int8 and float16 weights",
}
"""Each storage as the manifest describes it."""

EVERY_CPU = ("compact", "float32", "int8")
"""Storages that run on every CPU, so that an export can test whether an encoder's embeddings depend on the batch."""


@dataclass(frozen=True)
class Stored:
    """A graph as it is exported.

    `storage`, a key of PRECISIONS, may differ from the requested one. `settings` are the model's. `report` is for the
    manifest's provenance: the types that the graph's nodes compute in, and whether int8 was kept and why.
    """

    graph: onnx.ModelProto
    storage: str
    opset: int
    settings: dict[str, Any]
    report: dict[str, Any]


def check_opset(opset: int | None, storage: str) -> None:
    """Check that graphs of `storage` can be written in `opset`; None is always valid, see :func:`store`.

    Raises:
        OpsetInvalid: they cannot.
    """
    least = LOWEST_OPSET.get(storage, OPSETS[0])
    if opset is not None and not least <= opset <= OPSETS[-1]:
        raise OpsetInvalid(
            f"opset {opset}: {storage} cannot be written in it; choose an opset from {least} to {OPSETS[-1]}"
        )


def store(spec: ModelSpec, requested: str, opset: int | None = None) -> Stored:
    """Export a model in the `requested` storage, or in float32 where the model takes no other.

    Without `opset` it is the default one, or the lowest that has the storage's operators.
    """
    storage, settings = spec.storage(requested), spec.settings
    report: dict[str, Any] = {}
    opset = opset or LOWEST_OPSET.get(storage, OPSET)
    graph = spec.export(opset, HALVES.get(storage))
    if storage == "compact" and spec.int8 is not None:
        graph = compress.compress(graph, spec.int8)
    if storage == "int8":
        outcome = quantized(spec, graph)
        graph, report["int8"] = outcome.model, outcome.to_dict()
        if not outcome.kept:
            storage = "compact"
    if spec.kind == "encoder" and storage in EVERY_CPU:
        settings = settings | {"alone": depends_on_batch(graph, spec.cases(0)["random"])}
    report["nodes"] = audit(graph).to_dict()
    return Stored(graph, storage, opset, settings, report)


def quantized(spec: ModelSpec, graph: onnx.ModelProto) -> Outcome:
    """Quantize the float32 `graph` of a model, calibrated and judged on its own inputs."""
    cases = spec.cases(0)
    feeds = cases["random"]
    if spec.kind == "encoder":
        return int8_encoder(graph, one_by_one(feeds), INT8_COSINE)
    far = [{name: values[:8] for name, values in cases[FARTHEST].items()}]
    return int8_generator(graph, samples(spec.widths, feeds.get("text")), INT8_PSNR, far)


def one_by_one(feeds: Feeds) -> list[Feeds]:
    """Split a padded batch of texts into the texts, none padded, as the runtime gives them to an encoder alone."""
    lengths = feeds["attention_mask"].sum(1)
    return [
        {name: np.ascontiguousarray(values[row : row + 1, :length]) for name, values in feeds.items()}
        for row, length in enumerate(lengths)
    ]


def depends_on_batch(graph: onnx.ModelProto, feeds: Feeds) -> bool:
    """Test whether any bit of a text's embedding depends on its batch, on 1 or 2 threads.

    All lengths are tried, at all sizes of batches that the runtime makes. Scales of dynamic int8, for example, are
    taken from the batch.
    """
    model, outputs = graph.SerializeToString(), [output.name for output in graph.graph.output]
    sessions = [open_session(model, graph.graph.name, threads=threads) for threads in (1, 2)]
    for length in range(3, feeds["input_ids"].shape[1] + 1):
        ids = np.ascontiguousarray(feeds["input_ids"][:MAX_BATCH, :length])
        texts = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        rows = [{name: values[row : row + 1] for name, values in texts.items()} for row in range(MAX_BATCH)]
        expected = np.concatenate([run(sessions[0], outputs, row)[0] for row in rows])
        for session in sessions:
            for size in range(2, MAX_BATCH + 1):
                batch = {name: values[:size] for name, values in texts.items()}
                if not np.array_equal(run(session, outputs, batch)[0], expected[:size]):
                    return True
    return False


def stored_in(bundle: Bundle, model: Model) -> Stored:
    """Read a model of a bundle as it was stored.

    Raises:
        BundleInvalid: this version does not know its storage.
    """
    storage = model.parity.get("storage")
    if storage not in PRECISIONS:
        raise BundleInvalid(
            f"{model.file}: is stored as {storage!r}, which this version does not know; export it again"
        )
    return Stored(onnx.load_from_string(bundle.graph(model)), storage, model.opset, model.settings, {})
