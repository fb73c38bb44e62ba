"""Check a bundle against its manifest, and its models against PyTorch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from pgen.bundle.engines import engine_names, read_engine
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.errors import BundleInvalid
from pgexport.errors import RunsInvalid
from pgexport.parity.run import check_run
from pgexport.select_runs import RUNS, distinct
from pgexport.storage import stored_in
from pgexport.tracing.run_loader import LoadedRun, load_run
from pgexport.tracing.specs import model_specs
from pgexport.trial import fresh_seed
from pgtrain.engine.run import CONFIG, Run
from pgtrain.errors import EncoderNotFound, RunInvalid, RunNotFound
from pgtrain.models.text_encoder import load_encoder
from pokegan.errors import one_line


def verify(folder: Path, runs: Sequence[Path] = ()) -> dict[str, Any]:
    """Check all files by size and SHA-256 and all graphs by the ONNX checker; repeat parity where there is a run.

    TensorRT engines in the folder are checked against their sidecars and the models' files, and not run.

    Args:
        folder: the bundle.
        runs: runs that it was exported from; empty: those of them that are found under runs/.

    Returns:
        ``files``, how many were checked; ``models``, the parity of each (None without a run); ``runs``; ``engines``.

    Raises:
        BundleNotFound, BundleInvalid: it differs from its manifest.
        EngineNotFound, EngineInvalid: an engine or sidecar is missing, they differ, or belong to another model file.
        RunNotFound, RunInvalid, RunsInvalid: a run cannot be read, or the bundle was not exported from it.
        ParityFailed: a model differs from PyTorch by more than a limit.
    """
    bundle = open_bundle(folder)
    for name in bundle.manifest.files:
        bundle.read(name)
    for name, model in bundle.manifest.models.items():
        _check_model(bundle, name, model)
    engines = engine_names(bundle)
    for name in engines:
        read_engine(bundle, name)
    seed = fresh_seed()
    parity: dict[str, Any] = dict.fromkeys(bundle.manifest.models)
    loaded = _named_runs(bundle, runs) if runs else _own_runs(bundle)
    for run, _ in loaded:
        encoder = load_encoder(run.described["encoder"]) if run.reads_text else None
        specs = model_specs(run, encoder)
        models = [(spec, stored_in(bundle, bundle.manifest.models[spec.name])) for spec in specs]
        parity |= check_run(bundle, run, encoder, models, seed)
    used = [str(folder) for _, folder in loaded]
    return {"files": len(bundle.manifest.files), "models": parity, "runs": used, "engines": engines}


def _named_runs(bundle: Bundle, folders: Sequence[Path]) -> list[tuple[LoadedRun, Path]]:
    loaded = [(load_run(folder), folder) for folder in folders]
    distinct((run.system, folder) for run, folder in loaded)
    for run, folder in loaded:
        _check_run(bundle, run, folder)
    return loaded


def _own_runs(bundle: Bundle) -> list[tuple[LoadedRun, Path]]:
    """Find the runs under runs/ that the bundle was exported from, one a model; unreadable ones are skipped."""
    by_system: dict[str, tuple[LoadedRun, Path]] = {}
    for folder in sorted(path.parent for path in RUNS.glob(f"*/{CONFIG}")):
        try:
            if _matches(bundle, Run(folder).described()):
                run = load_run(folder)
                _check_run(bundle, run, folder)
                if run.reads_text:
                    load_encoder(run.described["encoder"])
                by_system.setdefault(run.system, (run, folder))
        except (RunNotFound, RunInvalid, RunsInvalid, EncoderNotFound):
            continue
    return list(by_system.values())


def _matches(bundle: Bundle, described: dict[str, Any]) -> bool:
    """Check whether a run has the seed, the data and the recipe of a model, before its checkpoint is read."""
    model = bundle.manifest.models.get(described["system"])
    origin = model.provenance.get("run", {}) if model else {}
    recipe = {key: value for key, value in described["config"].items() if key != "start"}
    return (
        described["seed"] == origin.get("seed")
        and described["data"].get("digest") == origin.get("data", {}).get("digest")
        and recipe == origin.get("config")
    )


def _check_model(bundle: Bundle, name: str, model: Model) -> None:
    path = bundle.folder / model.file
    try:
        graph = onnx.load_from_string(bundle.graph(model))
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:  # the checker's, protobuf's and those of shape inference share no base class
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid(
            f"{path}: the ONNX checker rejects it ({one_line(error)}); export the bundle again"
        ) from error
    for side, values, tensors in (
        ("inputs", graph.graph.input, model.inputs),
        ("outputs", graph.graph.output, model.outputs),
    ):
        if [value.name for value in values] != [tensor.name for tensor in tensors]:
            raise BundleInvalid(f"{path}: its {side} are not those in the manifest of {name}; export it again")
    if [entry.version for entry in graph.opset_import] != [model.opset]:
        raise BundleInvalid(f"{path}: is not in opset {model.opset}, as the manifest says; export it again")


def _check_run(bundle: Bundle, run: LoadedRun, folder: Path) -> None:
    model = bundle.manifest.models.get(run.system)
    if model is None:
        raise RunsInvalid(f"{folder}: is a run of {run.system}, of which {bundle.folder} has no model")
    if run.reads_text and "encoder" not in bundle.manifest.models:
        raise RunsInvalid(f"{folder}: is a run that reads text, but {bundle.folder} has no encoder; export it again")
    origin, trained = model.provenance.get("run", {}), run.described | run.position
    for name, ours in (("digest", trained["data"]["digest"]), ("total", trained["total"]), ("seed", trained["seed"])):
        theirs = origin.get("data", {}).get("digest") if name == "digest" else origin.get(name)
        if theirs != ours:
            raise RunsInvalid(
                f"{folder}: is not the run that {bundle.folder} was made of, or was trained on since "
                f"({name} {str(ours)[:12]}, the bundle's {str(theirs)[:12]})"
            )
