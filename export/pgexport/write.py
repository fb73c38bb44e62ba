"""A run becomes a bundle: exported, compared with PyTorch, and only then put in place."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pgen.bundle import MANIFEST, Bundle, Manifest, Model, Tensor, describe, open_bundle
from pgen.images import Pipeline
from pgen.text import TextEncoder
from pgexport import compress
from pgexport.audit import audit
from pgexport.emulate import emulated
from pgexport.errors import TargetInvalid
from pgexport.graphs import OPSET, PictureGenerator, export_encoder, export_generator
from pgexport.parity import check
from pgexport.precision import HALVES, OPSETS, half
from pgexport.quantize import INT8_COSINE, INT8_PSNR, Outcome, int8_encoder, int8_generator, samples
from pgexport.source import Source, fold_batch_norm, load_run
from pgtrain.text import MAX_TOKENS, Encoder, embed, load_encoder
from pokegan.revision import revision

PRECISIONS = {
    "compact": compress.PRECISION,
    "float32": "float32",
    "fp16": "float16 arithmetic and weights; norms, softmax and pixels in float32",
    "bf16": "bfloat16 arithmetic and weights; norms, softmax and pixels in float32",
    "int8": "int8 arithmetic where it costs little, the rest float32; int8 (per channel) and float16 weights",
}
"""What the manifest says of each storage."""

SENTENCES = ["a red fire and flying dragon", "a small blue water turtle", "a grey stone golem that guards a ruin"]
"""Texts that are no names, compared beside the names."""


def export_run(run: Path, out: Path, storage: str = "compact", force: bool = False) -> Bundle:
    """Export the run in `run` to a bundle in `out`.

    Args:
        run: folder of a run of ``pgtrain stackgan``.
        out: folder to make; its parent must exist.
        storage: "compact" stores large weights as int8 and float16, "float32" stores them as trained; "fp16", "bf16"
            and "int8" also compute so.
        force: replace a bundle that is there.

    Raises:
        RunNotFound, RunInvalid, EncoderNotFound: there is nothing to export.
        TargetInvalid: `out` exists, or cannot be made.
        ParityFailed: the graphs do not give what PyTorch gives; nothing is written.
    """
    _check_target(out, force)
    source = load_run(run)
    encoder = load_encoder(source.described["encoder"])
    reference = PictureGenerator(deepcopy(source.generator)).eval()
    with _beside(out) as staged:
        names = source.described["data"]["names"]
        texts = [*names[:: max(1, len(names) // 64)], *SENTENCES]
        graphs, told = _graphs(source, encoder, storage, texts)
        models = _describe(source, graphs, storage, told)
        _write_tokenizer(staged, encoder)
        # ONNX Runtime's CPU provider has no bf16: what is compared is the same graph with its roundings written out.
        _write_graphs(
            staged, {name: emulated(graph) for name, graph in graphs.items()} if storage == "bf16" else graphs
        )
        pipeline = Pipeline(_write_manifest(staged, source, models, told), device="cpu")
        parity = check(pipeline, reference, encoder, texts, storage)
        _write_names(staged, names, pipeline.encoder)
        for name, figures in parity.items():
            models[name].parity.update(figures)
        _write_graphs(staged, graphs)
        _write_manifest(staged, source, models, told)
        _put(staged, out)
    return open_bundle(out)


Told = dict[str, dict[str, Any]]
"""What the manifest's provenance says of each graph: its audit, and what came of int8."""


def _graphs(
    source: Source, encoder: Encoder, storage: str, texts: list[str]
) -> tuple[dict[str, onnx.ModelProto], Told]:
    text_dim, latent_dim = source.generator.whitening.linear.in_features, source.config.latent_dim
    fold_batch_norm(source.generator)
    drawing, reading = PictureGenerator(source.generator), encoder.network
    if storage in HALVES:
        drawing, reading = half(drawing.eval(), HALVES[storage]), half(reading, HALVES[storage])
    opset = OPSETS.get(storage, OPSET)
    graphs = {
        "encoder": export_encoder(reading, MAX_TOKENS, opset),
        "stackgan": export_generator(drawing, latent_dim, text_dim, opset),
    }
    told: Told = {name: {} for name in graphs}
    if storage == "compact":
        int8_from = {"encoder": compress.INT8_ENCODER, "stackgan": compress.INT8_GENERATOR}
        graphs = {name: compress.compress(graph, int8_from[name]) for name, graph in graphs.items()}
    if storage == "int8":
        for name, outcome in _quantise(graphs, encoder, texts, latent_dim).items():
            graphs[name] = outcome.model
            told[name]["int8"] = outcome.to_dict()
    for name, graph in graphs.items():
        told[name]["nodes"] = audit(graph).to_dict()
    return graphs, told


def _quantise(
    graphs: dict[str, onnx.ModelProto], encoder: Encoder, texts: list[str], latent_dim: int
) -> dict[str, Outcome]:
    """Quantise both graphs, calibrated and judged on `texts` and seeded latents."""
    tokens = [encoder.tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="np") for text in texts]
    reading = [{name: token[name].astype(np.int64) for name in ("input_ids", "attention_mask")} for token in tokens]
    drawing = samples(latent_dim, embed(encoder, texts).numpy())
    return {
        "encoder": int8_encoder(graphs["encoder"], reading, INT8_COSINE),
        "stackgan": int8_generator(graphs["stackgan"], drawing, INT8_PSNR),
    }


def _describe(source: Source, graphs: dict[str, onnx.ModelProto], storage: str, told: Told) -> dict[str, Model]:
    settings = {"encoder": {"max_tokens": MAX_TOKENS}, "stackgan": {"latent_dim": source.config.latent_dim}}
    if told["encoder"].get("int8", {}).get("kept"):
        settings["encoder"]["alone"] = 1  # its scales are taken from the batch: neighbours would change a text
    kinds = {"encoder": "encoder", "stackgan": "text-to-image"}
    models = {}
    for name, graph in graphs.items():
        stored = storage if told[name].get("int8", {}).get("kept", True) else "compact"
        models[name] = Model(
            kind=kinds[name],
            file=f"{name}.onnx",
            inputs=[_tensor(value) for value in graph.graph.input],
            outputs=[_tensor(value) for value in graph.graph.output],
            precision=PRECISIONS[stored],
            opset=next(entry.version for entry in graph.opset_import if not entry.domain),
            settings=settings[name],
            parity={},
        )
    return models


def _write_graphs(folder: Path, graphs: dict[str, onnx.ModelProto]) -> None:
    for name, graph in graphs.items():
        onnx.save(graph, folder / f"{name}.onnx")


def _write_tokenizer(folder: Path, encoder: Encoder) -> None:
    (folder / "tokenizer.json").write_text(encoder.tokenizer.backend_tokenizer.to_str(), "utf-8")


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(value.name, dtype, [size.dim_param or size.dim_value for size in kind.shape.dim])


def _write_names(folder: Path, names: list[str], encoder: TextEncoder) -> None:
    (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
    np.save(folder / "names.npy", encoder.encode(names).astype(np.float16))


def _write_manifest(folder: Path, source: Source, models: dict[str, Model], told: Told) -> Bundle:
    files = {path.name: describe(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    run = dict(source.described)
    run["data"] = {key: run["data"][key] for key in ("digest", "examples")}
    # The run that a stage II started from is a folder of the machine that trained: its name is nobody's business.
    run["config"] = {key: value for key, value in run["config"].items() if key != "start"}
    tools = {name: version(name) for name in ("pokegan", "torch", "onnx", "onnxscript", "onnxruntime")}
    exported: dict[str, Any] = {"versions": tools, "revision": revision(), "graphs": told}
    provenance = {
        "run": run | source.position,
        "metrics": source.metrics,
        "evaluation": source.evaluation,
        "export": exported,
    }
    (folder / MANIFEST).write_text(Manifest(models, files, provenance).to_json(), "utf-8")
    return open_bundle(folder)


def _check_target(out: Path, force: bool) -> None:
    if not out.parent.is_dir():
        raise TargetInvalid(f"{out.parent}: no such folder; make it first")
    if out.exists() and not force:
        raise TargetInvalid(f"{out}: exists; choose another --out, or replace the bundle with --force")
    if out.exists() and not (out / MANIFEST).is_file():
        raise TargetInvalid(f"{out}: exists and is no bundle, so --force does not replace it; choose another --out")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside `out`, and remove it unless it was put in place."""
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise TargetInvalid(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
    staged.chmod(0o755)
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _put(staged: Path, out: Path) -> None:
    if not out.exists():
        staged.rename(out)
        return
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as old:
        out.rename(Path(old) / "replaced")
        staged.rename(out)
