"""Export runs to a bundle, after comparing its models with PyTorch."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pgen.bundle.engines import FOLDER as ENGINES
from pgen.bundle.reader import FORMAT, MANIFEST, Bundle, Manifest, Model, Tensor, describe, open_bundle
from pgen.text_encoder import TextEncoder
from pgexport.atomic import atomic_folder, check_target
from pgexport.errors import ParityFailed, TargetExists
from pgexport.parity.run import check_run
from pgexport.precision.bf16_emulation import checkable
from pgexport.select_runs import distinct
from pgexport.storage import PRECISIONS, Stored, check_opset, store
from pgexport.targets.tensorrt.operators import check_read
from pgexport.tracing.run_loader import LoadedRun, load_run
from pgexport.tracing.specs import ModelSpec, model_specs
from pgexport.trial import fresh_seed
from pgtrain.models.text_encoder import Encoder, load_encoder
from pokegan.revision import revision


def export_runs(
    runs: Sequence[Path],
    out: Path,
    *,
    storage: str = "compact",
    opset: int | None = None,
    force: bool = False,
    add: bool = False,
    seed: int | None = None,
    tensorrt: bool = False,
) -> Bundle:
    """Export runs, each of another system, to a bundle in `out`.

    Args:
        runs: folders that pgtrain made.
        out: folder to make; its parent must exist.
        storage: "compact" stores large weights as int8 and float16, "float32" stores them as trained; "fp16", "bf16"
            and "int8" also compute so. Stats are in float32 always.
        opset: version of the ONNX operator set; None: 18, or the lowest that has the storage's operators.
        force: replace an existing bundle; with `add`, models of the same name in it.
        add: add the models to an existing bundle.
        seed: of parity's inputs; None draws one. The manifest records it.
        tensorrt: write only graphs that TensorRT reads.

    Raises:
        RunNotFound, RunInvalid, RunsInvalid, EncoderNotFound: there is nothing to export.
        OpsetInvalid: the graphs cannot be written in `opset`.
        TargetInvalid: `out` exists, or cannot be written.
        BundleNotFound, BundleInvalid: there is no bundle to add to, or it is damaged.
        GraphUnread: TensorRT does not read a graph; nothing is written.
        ParityFailed: a graph differs from PyTorch by more than a limit; nothing is written.
    """
    check_opset(opset, storage)
    before = open_bundle(out) if add else None
    if not add:
        check_target(out, "bundle", "" if (out / MANIFEST).is_file() else f"it has no {MANIFEST}", force)
    loaded = [load_run(folder) for folder in runs]
    distinct((run.system, folder) for run, folder in zip(loaded, runs, strict=True))
    with atomic_folder(out) as staged:
        kept = _kept(before, staged, loaded, force) if before else Manifest({}, {})
        for name, model in kept.models.items() if tensorrt else ():
            check_read(name, (staged / model.file).read_bytes())
        order = list(before.manifest.models) if before else []
        seed = fresh_seed() if seed is None else seed
        writer = Writer(staged, storage, opset, seed, tensorrt, order, dict(kept.models), set(kept.files))
        for run in loaded:
            try:
                writer.write(run)
            except ParityFailed as error:
                raise ParityFailed(f"{error.message}; no bundle was written") from error
    return open_bundle(out)


@dataclass
class Writer:
    """Writes models into `folder`, which already holds `models` and `files`; others in it are not part of the bundle.

    The manifest names the models of `order` first, in that order: one that replaces another takes its place. For the
    other fields see :func:`export_runs`.
    """

    folder: Path
    storage: str
    opset: int | None
    seed: int
    tensorrt: bool
    order: list[str]
    models: dict[str, Model]
    files: set[str]

    def write(self, run: LoadedRun) -> None:
        """Write the models of a run, compare them with PyTorch, and write the manifest.

        Raises:
            ParityFailed: a model differs from PyTorch by more than a limit.
        """
        encoder = load_encoder(run.described["encoder"]) if run.reads_text else None
        models = [(spec, self._write_model(spec, run)) for spec in model_specs(run, encoder)]
        if encoder:
            self._write_texts(encoder, run.described["data"]["names"])
        for name, report in check_run(self._write_manifest(), run, encoder, models, self.seed).items():
            self.models[name].parity.update(report)
        self._write_manifest()

    def _write_model(self, spec: ModelSpec, run: LoadedRun) -> Stored:
        """Write one model."""
        stored = store(spec, self.storage, self.opset)
        if self.tensorrt:  # before minutes go into parity
            check_read(spec.name, stored.graph.SerializeToString())
        _stamp(stored, spec, run)
        onnx.checker.check_model(stored.graph, full_check=True)
        onnx.save(stored.graph, self._place(f"{spec.name}.onnx"))
        origin = provenance(run, spec)
        origin["export"]["graph"] = stored.report
        self.models[spec.name] = Model(
            kind=spec.kind,
            file=f"{spec.name}.onnx",
            inputs=[_tensor(value) for value in stored.graph.graph.input],
            outputs=[_tensor(value) for value in stored.graph.graph.output],
            precision=PRECISIONS[stored.storage],
            opset=stored.opset,
            settings=stored.settings,
            parity={"storage": stored.storage},
            provenance=origin,
        )
        return stored

    def _write_texts(self, encoder: Encoder, names: list[str]) -> None:
        """Write the tokenizer, and the embeddings of known names."""
        self._place("tokenizer.json").write_text(encoder.tokenizer.backend_tokenizer.to_str(), "utf-8")
        embeddings = TextEncoder(checkable(self._write_manifest()), device="cpu").encode(names)
        self._place("names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        np.save(self._place("names.npy"), embeddings.astype(np.float16))

    def _place(self, name: str) -> Path:
        """Add the file `name` to the manifest; return where to write it."""
        self.files.add(name)
        return self.folder / name

    def _write_manifest(self) -> Bundle:
        files = {name: describe(self.folder / name) for name in sorted(self.files)}
        names = [name for name in dict.fromkeys([*self.order, *self.models]) if name in self.models]
        models = {name: self.models[name] for name in names}
        (self.folder / MANIFEST).write_text(Manifest(models, files).to_json(), "utf-8")
        return open_bundle(self.folder)


def _stamp(stored: Stored, spec: ModelSpec, run: LoadedRun) -> None:
    """Write the model's description into the ONNX file, for readers without the bundle."""
    model = stored.graph
    model.producer_name, model.producer_version = "pokegan", version("pokegan")
    model.graph.name = spec.name
    properties = {
        "system": run.system,
        "kind": spec.kind,
        "data_digest": run.described["data"]["digest"],
        "format": FORMAT,
        "precision": PRECISIONS[stored.storage],
        "opset": stored.opset,
        **stored.settings,
    }
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in properties.items()}
    onnx.helper.set_model_props(model, texts)


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype: Any = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(value.name, dtype, [size.dim_param or size.dim_value for size in kind.shape.dim])


def provenance(run: LoadedRun, spec: ModelSpec) -> dict[str, Any]:
    """Describe where a model comes from, without paths of the machine that trained it."""
    described = dict(run.described)
    described["data"] = {key: value for key, value in described["data"].items() if key != "names"}
    described["config"] = {key: value for key, value in described["config"].items() if key != "start"}
    if described["encoder"] and Path(described["encoder"]).is_dir():
        described["encoder"] = Path(described["encoder"]).resolve().name
    tools = {name: version(name) for name in ("pokegan", "torch", "onnx", "onnxscript", "onnxruntime")}
    export = {"versions": tools, "revision": revision()}
    if spec.kind == "encoder":  # its weights are not the run's: it was frozen
        return {"run": {"system": run.system, "encoder": described["encoder"]}, "export": export}
    return {
        "run": described | run.position,
        "metrics": run.metrics,
        "evaluation": run.evaluation,
        "export": export,
    }


def _kept(before: Bundle, staged: Path, runs: list[LoadedRun], force: bool) -> Manifest:
    """Copy a bundle to `staged` without the models that are replaced; return the manifest of the rest.

    Only engines and files that the manifest names are copied: other files in the folder are not published.
    """
    replaced = {run.system for run in runs} | {"encoder" for run in runs if run.reads_text}
    present = [name for name in before.manifest.models if name in replaced]
    if present and not force:
        raise TargetExists(
            f"{before.folder}: already has {' and '.join(present)}; choose another folder, or force the replacement"
        )
    kept = {name: model for name, model in before.manifest.models.items() if name not in replaced}
    dropped = {before.manifest.models[name].file for name in present} - {model.file for model in kept.values()}
    files = {name: entry for name, entry in before.manifest.files.items() if name not in dropped}
    for name in files:
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_bytes(before.read(name))
    _keep_engines(before.folder / ENGINES, staged / ENGINES, kept)
    return Manifest(kept, files)


def _keep_engines(before: Path, after: Path, models: Iterable[str]) -> None:
    """Copy the engines of `models`, which belong to this machine and not to the bundle; links stay links."""
    paths = [before / f"{name}{suffix}" for name in models for suffix in (".plan", ".json")]
    for path in (path for path in paths if path.is_file()):
        after.mkdir(exist_ok=True)
        shutil.copy2(path, after / path.name, follow_symlinks=False)
