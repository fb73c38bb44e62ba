"""Export of runs to a bundle, which is compared with PyTorch before it is put in place."""

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pgen.backends.base import run
from pgen.backends.onnxruntime import open_session
from pgen.bundle.engines import FOLDER as ENGINES
from pgen.bundle.reader import FORMAT, MANIFEST, Bundle, Manifest, Model, Tensor, describe, open_bundle
from pgen.text_encoder import TextEncoder
from pgexport.atomic import atomic_folder, check_target
from pgexport.errors import ParityFailed, TargetInvalid
from pgexport.parity.checks import check
from pgexport.parity.divergence import locate_divergence, locate_in_sequence
from pgexport.parity.text import check_names, check_pictures
from pgexport.precision.bf16_emulation import checkable
from pgexport.select_runs import distinct
from pgexport.storage import PRECISIONS, Stored, check_opset, one_by_one, store
from pgexport.targets.tensorrt.operators import check_read
from pgexport.tracing.run_loader import LoadedRun, load_run
from pgexport.tracing.specs import ModelSpec, model_specs, sample_texts
from pgexport.trial import Runner, fresh_seed
from pgtrain.models.text_encoder import Encoder, load_encoder
from pokegan.revision import revision


def export_run(run: Path, out: Path, storage: str = "compact", force: bool = False) -> Bundle:
    """Export one run; see :func:`export_runs`."""
    return export_runs([run], out, storage=storage, force=force)


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
        runs: folders of runs of pgtrain.
        out: folder to make; its parent must exist.
        storage: "compact" stores large weights as int8 and float16, "float32" stores them as trained; "fp16", "bf16"
            and "int8" also compute so. Stats are in float32 always.
        opset: version of the ONNX operator set; None: 18, or the lowest that has the storage's operators.
        force: replace a bundle that is there; with `add`, models in it of the same name.
        add: put the models into the bundle that is there, beside those that it has.
        seed: of parity's inputs; None draws one, which the manifest records.
        tensorrt: write no bundle with a graph that TensorRT does not read.

    Raises:
        RunNotFound, RunInvalid, RunsInvalid, EncoderNotFound: there is nothing to export.
        OpsetInvalid: the graphs cannot be written in `opset`.
        TargetInvalid: `out` exists, or cannot be written.
        BundleNotFound, BundleInvalid: there is no whole bundle to add to.
        GraphUnread: TensorRT does not read a graph; nothing is written.
        ParityFailed: the graphs do not give what PyTorch gives; nothing is written.
    """
    check_opset(opset, storage)
    before = _whole(out) if add else None
    if not add:
        check_target(out, "bundle", "" if (out / MANIFEST).is_file() else f"it has no {MANIFEST}", force)
    loaded = [load_run(folder) for folder in runs]
    distinct((run.system, folder) for run, folder in zip(loaded, runs, strict=True))
    with atomic_folder(out) as staged:
        kept = _kept(before, staged, loaded, force) if before else Manifest({}, {})
        for name, model in kept.models.items() if tensorrt else ():
            check_read(name, (staged / model.file).read_bytes())
        order = list(before.manifest.models) if before else []
        writer = Writer(staged, storage, opset, kept, order, fresh_seed() if seed is None else seed, tensorrt)
        for run in loaded:
            try:
                writer.write(run)
            except ParityFailed as error:
                raise ParityFailed(f"{error.message} (seed {writer.seed}); no bundle was written") from error
    return open_bundle(out)


class Writer:
    """Writes models into `folder`, which already holds those of `kept`; no other file is part of the bundle.

    The manifest names the models of `order` first, in that order: one that replaces another takes its place.
    """

    def __init__(
        self,
        folder: Path,
        storage: str,
        opset: int | None,
        kept: Manifest,
        order: list[str],
        seed: int,
        tensorrt: bool = False,
    ) -> None:
        self.folder, self.storage, self.opset, self.seed = folder, storage, opset, seed
        self.order = order
        self.models, self.files = dict(kept.models), set(kept.files)
        self.tensorrt = tensorrt

    def write(self, run: LoadedRun) -> None:
        """Write the models of a run and the manifest, once they are found to give what PyTorch gives."""
        encoder = load_encoder(run.described["encoder"]) if run.reads_text else None
        specs = model_specs(run, encoder)
        stored = {spec.name: self._write_model(spec, run) for spec in specs}
        if encoder:
            self._place("tokenizer.json").write_text(encoder.tokenizer.backend_tokenizer.to_str(), "utf-8")
        bundle = checkable(self._write_manifest())
        for spec in specs:
            self.models[spec.name].parity.update(self._parity(spec, bundle, stored[spec.name]))
        if encoder:
            self._check_text(run, encoder, bundle, [(spec, stored[spec.name]) for spec in specs])
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

    def _parity(self, spec: ModelSpec, bundle: Bundle, stored: Stored) -> dict[str, Any]:
        model = runner(bundle, bundle.manifest.models[spec.name])
        return check(spec.trial(self.seed), model, stored.storage, partial(locate_divergence, spec, stored))

    def _check_text(
        self, run: LoadedRun, encoder: Encoder, bundle: Bundle, models: Sequence[tuple[ModelSpec, Stored]]
    ) -> None:
        """Hold prompt to picture to its limit; store the embeddings of known names, and hold them too."""
        spec, _ = models[-1]
        place = partial(locate_in_sequence, models, self.seed)
        figures = self.models[spec.name].parity["figures"]
        figures["text_psnr"] = check_pictures(bundle, encoder, sample_texts(run), spec.trial(self.seed), place)
        names = run.described["data"]["names"]
        self._place("names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        embeddings = TextEncoder(bundle, device="cpu").encode(names)
        np.save(self._place("names.npy"), embeddings.astype(np.float16))
        names_cosine = check_names(checkable(self._write_manifest()), encoder)
        self.models["encoder"].parity["figures"]["names_cosine"] = names_cosine

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


def runner(bundle: Bundle, model: Model) -> Runner:
    """Run one model of a bundle on the CPU, as the runtime does."""
    session = open_session(bundle.graph(model), model.file, "cpu")
    outputs = [output.name for output in model.outputs]
    if not model.settings.get("alone"):
        return lambda feeds: run(session, outputs, feeds)
    return lambda feeds: [
        np.concatenate(rows) for rows in zip(*(run(session, outputs, text) for text in one_by_one(feeds)), strict=True)
    ]


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


def _whole(out: Path) -> Bundle:
    bundle = open_bundle(out)
    for name in bundle.manifest.files:
        bundle.read(name)
    return bundle


def _kept(before: Bundle, staged: Path, runs: list[LoadedRun], force: bool) -> Manifest:
    """Copy a bundle to `staged` but for the models that are replaced; return its remaining description.

    Only files that its manifest names are copied, and engines: other files in the folder, and what links lead to, are
    not published.
    """
    replaced = {run.system for run in runs} | {"encoder" for run in runs if run.reads_text}
    present = [name for name in before.manifest.models if name in replaced]
    if present and not force:
        raise TargetInvalid(f"{before.folder}: has {' and '.join(present)} already; they are replaced only by force")
    kept = {name: model for name, model in before.manifest.models.items() if name not in replaced}
    dropped = {before.manifest.models[name].file for name in present} - {model.file for model in kept.values()}
    files = {name: entry for name, entry in before.manifest.files.items() if name not in dropped}
    for name in files:
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_bytes(before.read(name))
    _keep_engines(before.folder / ENGINES, staged / ENGINES, kept)
    return Manifest(kept, files)


def _keep_engines(before: Path, after: Path, models: Iterable[str]) -> None:
    """Copy the engines of `models`, which are of this machine and no part of the bundle; links stay links."""
    paths = [before / f"{name}{suffix}" for name in models for suffix in (".plan", ".json")]
    for path in (path for path in paths if path.is_file()):
        after.mkdir(exist_ok=True)
        shutil.copy2(path, after / path.name, follow_symlinks=False)
