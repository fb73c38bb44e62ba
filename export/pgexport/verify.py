"""Is a bundle what its manifest says, and does it still give what PyTorch gives?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from pgen.bundle import Bundle, Model, open_bundle
from pgen.engines import engine_names, read_engine
from pgen.errors import BundleInvalid
from pgen.generator import Generator
from pgexport.choose import distinct
from pgexport.emulate import checkable
from pgexport.errors import RunsInvalid
from pgexport.models import parts, texts
from pgexport.parity import TOLERANCES, check, check_figure
from pgexport.source import Source, load_run
from pgexport.storage import loosest
from pgexport.write import runner, text_psnr
from pgtrain.text import load_encoder

FRESH = 2
"""Seed of the latents that a verification draws: others than an export's."""


def verify(folder: Path, runs: Sequence[Path] = ()) -> dict[str, Any]:
    """Check all files by size and SHA-256 and all graphs by the ONNX checker; repeat parity where a run is given.

    TensorRT engines that lie beside are checked against their sidecars and the models' files, and not run.

    Returns:
        How many files were checked, by model what parity found (None where its run was not given), and the engines.

    Raises:
        BundleNotFound, BundleInvalid: it is not what its manifest says.
        EngineInvalid: an engine is not what its sidecar says, or of another model file.
        RunNotFound, RunInvalid, RunsInvalid: a run cannot be read, or is not one that the bundle was made of.
        ParityFailed: a model does not give what PyTorch gives.
    """
    bundle = open_bundle(folder)
    for name in bundle.manifest.files:
        bundle.read(name)
    for name, model in bundle.manifest.models.items():
        _check_model(bundle, name, model)
    engines = engine_names(bundle)
    for name in engines:
        read_engine(bundle, name)
    sources = [load_run(run) for run in runs]
    distinct((source.system, run) for source, run in zip(sources, runs, strict=True))
    found: dict[str, Any] = dict.fromkeys(bundle.manifest.models)
    for source, run in zip(sources, runs, strict=True):
        _check_run(bundle, source, run)
        found |= _parity(bundle, source)
    return {"files": len(bundle.manifest.files), "models": found, "engines": engines}


def _check_model(bundle: Bundle, name: str, model: Model) -> None:
    path = bundle.folder / model.file
    try:
        graph = onnx.load_from_string(bundle.graph(model))
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:  # the checker's, protobuf's and those of shape inference share no base class
        if isinstance(error, BundleInvalid):
            raise
        reason = " ".join(str(error).split())[:200]
        raise BundleInvalid(f"{path}: the ONNX checker refuses it ({reason}); export the bundle again") from error
    for part, values, told in (
        ("inputs", graph.graph.input, model.inputs),
        ("outputs", graph.graph.output, model.outputs),
    ):
        if [value.name for value in values] != [tensor.name for tensor in told]:
            raise BundleInvalid(f"{path}: its {part} are not those that the manifest tells of {name}; export it again")
    if [entry.version for entry in graph.opset_import] != [model.opset]:
        raise BundleInvalid(f"{path}: is not in opset {model.opset}, as the manifest says; export it again")


def _check_run(bundle: Bundle, source: Source, run: Path) -> None:
    model = bundle.manifest.models.get(source.system)
    if model is None:
        raise RunsInvalid(f"{run}: is a run of {source.system}, of which {bundle.folder} has no model")
    told, trained = model.provenance.get("run", {}), source.described | source.position
    for name, ours in (("digest", trained["data"]["digest"]), ("total", trained["total"]), ("seed", trained["seed"])):
        theirs = told.get("data", {}).get("digest") if name == "digest" else told.get(name)
        if theirs != ours:
            raise RunsInvalid(
                f"{run}: is not the run that {bundle.folder} was made of, or was trained on since "
                f"({name} {str(ours)[:12]}, the bundle's {str(theirs)[:12]})"
            )


def _parity(bundle: Bundle, source: Source) -> dict[str, Any]:
    name = source.described["encoder"]
    encoder = load_encoder(name) if name else None
    found: dict[str, Any] = {}
    made = parts(source, encoder)
    bundle = checkable(bundle)
    for part in made:
        model = bundle.manifest.models[part.name]
        found[part.name] = check(part.trial(FRESH), runner(bundle, model), _storage(model))
    if encoder:
        value = text_psnr(Generator(bundle, device="cpu"), encoder, texts(source), made[-1].trial(FRESH))
        storage = loosest(*(_storage(bundle.manifest.models[name]) for name in ("encoder", source.system)))
        told = check_figure(source.system, "text_psnr", value, storage)
        found[source.system]["figures"]["text_psnr"] = told
    return found


def _storage(model: Model) -> str:
    """The storage whose tolerances hold; bundles of format 1 told it by the precision alone."""
    told: str = model.parity.get("storage", "float32" if model.precision == "float32" else "compact")
    if told not in TOLERANCES:
        raise BundleInvalid(f"{model.file}: is stored as {told!r}, which this version does not know; export it again")
    return told
