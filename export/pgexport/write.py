"""Runs become a bundle: exported, compared with PyTorch, and only then put in place."""

import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pgen.bundle import FORMAT, MANIFEST, Bundle, Manifest, Model, Tensor, describe, open_bundle
from pgen.engines import FOLDER as ENGINES
from pgen.generator import Generator
from pgen.session import open_session, run
from pgexport import divergence
from pgexport.choose import distinct
from pgexport.emulate import checkable, emulated
from pgexport.errors import TargetInvalid
from pgexport.models import Part, parts, texts
from pgexport.parity import Feeds, Runner, Trial, check, check_figure, in_pytorch, premultiplied, psnr
from pgexport.place import beside, put
from pgexport.source import Source, load_run
from pgexport.storage import PRECISIONS, Stored, check_opset, loosest, one_by_one, store
from pgexport.tensorrt_reads import check_read
from pgtrain.text import Encoder, embed, load_encoder
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
        _check_target(out, force)
    sources = [load_run(run) for run in runs]
    distinct((source.system, run) for source, run in zip(sources, runs, strict=True))
    with beside(out, "--out") as staged:
        kept = _kept(before, staged, sources, force) if before else {}
        for name, model in kept.items() if tensorrt else ():
            check_read(name, (staged / model.file).read_bytes())
        writer = Writer(staged, storage, opset, kept, tensorrt)
        for source in sources:
            writer.write(source)
        put(staged, out)
    return open_bundle(out)


class Writer:
    """Writes models into `folder`, beside the `models` that are in it already."""

    def __init__(
        self, folder: Path, storage: str, opset: int | None, models: dict[str, Model], tensorrt: bool = False
    ) -> None:
        self.folder, self.storage, self.opset, self.models = folder, storage, opset, models
        self.tensorrt = tensorrt

    def write(self, source: Source) -> None:
        """Write the models of a run and the manifest, once they are found to give what PyTorch gives."""
        encoder = load_encoder(source.described["encoder"]) if source.described["encoder"] else None
        made = parts(source, encoder)
        stored = {part.name: self._write_model(part, source) for part in made}
        if encoder:
            (self.folder / "tokenizer.json").write_text(encoder.tokenizer.backend_tokenizer.to_str(), "utf-8")
        bundle = checkable(self._write_manifest())
        for part in made:
            self.models[part.name].parity.update(self._parity(part, bundle, stored[part.name]))
        if encoder:
            self._write_names(source, encoder, bundle, made[-1])
        self._write_manifest()

    def _write_model(self, part: Part, source: Source) -> Stored:
        """Write one model."""
        stored = store(part, self.storage, self.opset)
        if self.tensorrt:  # before minutes go into parity
            check_read(part.name, stored.graph.SerializeToString())
        _stamp(stored, part, source)
        onnx.checker.check_model(stored.graph, full_check=True)
        onnx.save(stored.graph, self.folder / f"{part.name}.onnx")
        told = provenance(source, part)
        told["export"]["graph"] = stored.told
        self.models[part.name] = Model(
            kind=part.kind,
            file=f"{part.name}.onnx",
            inputs=[_tensor(value) for value in stored.graph.graph.input],
            outputs=[_tensor(value) for value in stored.graph.graph.output],
            precision=PRECISIONS[stored.storage],
            opset=stored.opset,
            settings=stored.settings,
            parity={"storage": stored.storage},
            provenance=told,
        )
        return stored

    def _parity(self, part: Part, bundle: Bundle, stored: Stored) -> dict[str, Any]:
        def locate(feeds: Feeds) -> str:
            return locate_divergence(part, stored, feeds)

        return check(part.trial(), runner(bundle, bundle.manifest.models[part.name]), stored.storage, locate)

    def _write_names(self, source: Source, encoder: Encoder, bundle: Bundle, part: Part) -> None:
        """Hold prompt to picture to its limit, and store the embeddings of known names."""
        generator = Generator(bundle, device="cpu")
        value = text_psnr(generator, encoder, texts(source), part.trial())
        storage = loosest(*(self.models[name].parity["storage"] for name in ("encoder", part.name)))
        self.models[part.name].parity["figures"]["text_psnr"] = check_figure(part.name, "text_psnr", value, storage)
        names = source.described["data"]["names"]
        (self.folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        np.save(self.folder / "names.npy", generator.encoder.encode(names).astype(np.float16))

    def _write_manifest(self) -> Bundle:
        # Engines are of this machine, no part of the bundle.
        own = [path for path in self.folder.rglob("*") if path.parent.name != ENGINES and path.name != MANIFEST]
        files = {path.relative_to(self.folder).as_posix(): describe(path) for path in sorted(own) if path.is_file()}
        (self.folder / MANIFEST).write_text(Manifest(self.models, files).to_json(), "utf-8")
        return open_bundle(self.folder)


def locate_divergence(part: Part, stored: Stored, feeds: Feeds) -> str:
    """Name the first node that diverges: of the float32 graph from PyTorch, or else of the stored graph from that one.

    Storing may not have changed anything, so the float32 graph itself is never taken for granted.
    """
    reference = stored.graph if stored.storage == "float32" else part.export(stored.opset)
    limit = divergence.LIMITS[stored.storage]
    found = divergence.first_from_pytorch(reference, part.network, part.folded(), feeds, divergence.LIMITS["float32"])
    graph = emulated(stored.graph) if stored.storage == "bf16" else stored.graph
    found = found or divergence.first_divergence(graph, reference, feeds, limit)
    if found is None and divergence.optimised_away(graph, feeds, limit):
        return "no node diverges alone: ONNX Runtime's optimisation of the graph does it"
    return divergence.describe(found)


def runner(bundle: Bundle, model: Model) -> Runner:
    """Run one model of a bundle on the CPU, as the runtime does."""
    session = open_session(bundle.graph(model), model.file, "cpu")
    outputs = [output.name for output in model.outputs]
    if not model.settings.get("alone"):
        return lambda feeds: run(session, outputs, feeds)
    return lambda feeds: [
        np.concatenate(found)
        for found in zip(*(run(session, outputs, text) for text in one_by_one(feeds)), strict=True)
    ]


def text_psnr(generator: Generator, encoder: Encoder, wanted: list[str], trial: Trial) -> float:
    """PSNR (dB) of the pictures of texts, both encoder and generator of the bundle against both of PyTorch."""
    latent = trial.cases["random"]["latent"][: len(wanted)]
    wanted = wanted[: len(latent)]
    expected = in_pytorch(trial.network, {"latent": latent, "text": embed(encoder, wanted).numpy()})[0]
    drawn = generator.generate(latent, generator.encoder.encode(wanted))
    return psnr(premultiplied(expected) - premultiplied(drawn))


def _stamp(stored: Stored, part: Part, source: Source) -> None:
    """Tell inside the ONNX file what it is, for whoever has the file alone."""
    model = stored.graph
    model.producer_name, model.producer_version = "pokegan", version("pokegan")
    model.graph.name = part.name
    facts = {
        "system": source.system,
        "kind": part.kind,
        "data_digest": source.described["data"]["digest"],
        "format": FORMAT,
        "precision": PRECISIONS[stored.storage],
        "opset": stored.opset,
        **stored.settings,
    }
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}
    onnx.helper.set_model_props(model, told)


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(value.name, dtype, [size.dim_param or size.dim_value for size in kind.shape.dim])


def provenance(source: Source, part: Part) -> dict[str, Any]:
    """Tell where a model comes from; places of the machine that trained are nobody's business."""
    described = dict(source.described)
    described["data"] = {key: described["data"][key] for key in ("digest", "examples", "hold_out")}
    described["config"] = {key: value for key, value in described["config"].items() if key != "start"}
    if described["encoder"] and Path(described["encoder"]).is_dir():
        described["encoder"] = Path(described["encoder"]).resolve().name
    tools = {name: version(name) for name in ("pokegan", "torch", "onnx", "onnxscript", "onnxruntime")}
    told = {
        "run": described | source.position,
        "metrics": source.metrics,
        "evaluation": source.evaluation,
        "export": {"versions": tools, "revision": revision()},
    }
    if part.kind == "encoder":  # its weights are not the run's: it was frozen
        return {"run": {"system": source.system, "encoder": described["encoder"]}, "export": told["export"]}
    return told


def _whole(out: Path) -> Bundle:
    bundle = open_bundle(out)
    for name in bundle.manifest.files:
        bundle.read(name)
    return bundle


def _kept(before: Bundle, staged: Path, sources: list[Source], force: bool) -> dict[str, Model]:
    """Copy a bundle to `staged` but for the models that are replaced; return those that stay."""
    systems = {source.system for source in sources}
    replaced = systems | ({"encoder"} if "stackgan" in systems else set())
    there = [name for name in before.manifest.models if name in replaced]
    if there and not force:
        raise TargetInvalid(f"{before.folder}: has {' and '.join(there)} already; replace with --add --force")
    kept = {name: model for name, model in before.manifest.models.items() if name not in replaced}
    shutil.copytree(before.folder, staged, dirs_exist_ok=True)
    for name in there:
        (staged / before.manifest.models[name].file).unlink()
        for suffix in (".plan", ".json"):
            (staged / ENGINES / f"{name}{suffix}").unlink(missing_ok=True)
    return kept


def _check_target(out: Path, force: bool) -> None:
    if not out.parent.is_dir():
        raise TargetInvalid(f"{out.parent}: no such folder; make it first")
    if out.exists() and not force:
        raise TargetInvalid(
            f"{out}: exists; choose another --out, replace the bundle with --force, or add to it with --add"
        )
    if out.exists() and not (out / MANIFEST).is_file():
        raise TargetInvalid(f"{out}: exists and is no bundle, so --force does not replace it; choose another --out")
