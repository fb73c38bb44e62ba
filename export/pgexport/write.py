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
from pgexport.errors import TargetInvalid
from pgexport.graphs import OPSET, PictureGenerator, export_encoder, export_generator
from pgexport.parity import check
from pgexport.source import Source, fold_batch_norm, load_run
from pgtrain.text import MAX_TOKENS, Encoder, load_encoder
from pokegan.revision import revision

STORAGES = ("compact", "float32")
SENTENCES = ["a red fire and flying dragon", "a small blue water turtle", "a grey stone golem that guards a ruin"]
"""Texts that are no names, compared beside the names."""


def export_run(run: Path, out: Path, storage: str = "compact", force: bool = False) -> Bundle:
    """Export the run in `run` to a bundle in `out`.

    Args:
        run: folder of a run of ``pgtrain stackgan``.
        out: folder to make; its parent must exist.
        storage: "compact" stores large weights as int8 and float16, "float32" stores them as trained.
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
        models = _write_models(staged, source, encoder, storage)
        names = source.described["data"]["names"]
        pipeline = Pipeline(_write_manifest(staged, source, models), device="cpu")
        texts = [*names[:: max(1, len(names) // 64)], *SENTENCES]
        parity = check(pipeline, reference, encoder, texts, storage)
        _write_names(staged, names, pipeline.encoder)
        for name, figures in parity.items():
            models[name].parity.update(figures)
        _write_manifest(staged, source, models)
        _put(staged, out)
    return open_bundle(out)


def _write_models(folder: Path, source: Source, encoder: Encoder, storage: str) -> dict[str, Model]:
    text_dim = source.generator.whitening.linear.in_features
    latent_dim = source.config.latent_dim
    fold_batch_norm(source.generator)
    generator = export_generator(PictureGenerator(source.generator), latent_dim, text_dim)
    graphs = {"encoder": export_encoder(encoder.network, MAX_TOKENS), "stackgan": generator}
    int8_from = {"encoder": compress.INT8_ENCODER, "stackgan": compress.INT8_GENERATOR}
    (folder / "tokenizer.json").write_text(encoder.tokenizer.backend_tokenizer.to_str(), "utf-8")
    settings = {"encoder": {"max_tokens": MAX_TOKENS}, "stackgan": {"latent_dim": latent_dim}}
    kinds = {"encoder": "encoder", "stackgan": "text-to-image"}
    models = {}
    for name, graph in graphs.items():
        stored = compress.compress(graph, int8_from[name]) if storage == "compact" else graph
        onnx.save(stored, folder / f"{name}.onnx")
        models[name] = Model(
            kind=kinds[name],
            file=f"{name}.onnx",
            inputs=[_tensor(value) for value in stored.graph.input],
            outputs=[_tensor(value) for value in stored.graph.output],
            precision=compress.PRECISION if storage == "compact" else "float32",
            opset=OPSET,
            settings=settings[name],
            parity={},
        )
    return models


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(value.name, dtype, [size.dim_param or size.dim_value for size in kind.shape.dim])


def _write_names(folder: Path, names: list[str], encoder: TextEncoder) -> None:
    (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
    np.save(folder / "names.npy", encoder.encode(names).astype(np.float16))


def _write_manifest(folder: Path, source: Source, models: dict[str, Model]) -> Bundle:
    files = {path.name: describe(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    run = dict(source.described)
    run["data"] = {key: run["data"][key] for key in ("digest", "examples")}
    # The run that a stage II started from is a folder of the machine that trained: its name is nobody's business.
    run["config"] = {key: value for key, value in run["config"].items() if key != "start"}
    tools = {name: version(name) for name in ("pokegan", "torch", "onnx", "onnxscript", "onnxruntime")}
    exported: dict[str, Any] = {"versions": tools, "revision": revision()}
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
