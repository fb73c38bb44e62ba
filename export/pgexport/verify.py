"""Is a bundle what its manifest says, and does it still give what PyTorch gives?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from pgen.bundle.engines import engine_names, read_engine
from pgen.bundle.reader import Bundle, Model, open_bundle
from pgen.errors import BundleInvalid
from pgexport.errors import ParityFailed, RunsInvalid
from pgexport.export import runner
from pgexport.parity.checks import Locator, check, fresh_seed
from pgexport.parity.divergence import locate_divergence, locate_in_sequence
from pgexport.parity.text import check_names, check_pictures
from pgexport.precision.bf16_emulation import checkable
from pgexport.select_runs import RUNS, distinct
from pgexport.storage import storage_of, stored_in
from pgexport.tracing.run_loader import Source, load_run
from pgexport.tracing.specs import Part, parts, texts
from pgtrain.engine.run import CONFIG, Run
from pgtrain.errors import EncoderNotFound, RunInvalid, RunNotFound
from pgtrain.models.text_encoder import load_encoder
from pokegan.errors import one_line


def verify(folder: Path, runs: Sequence[Path] = (), seed: int | None = None) -> dict[str, Any]:
    """Check all files by size and SHA-256 and all graphs by the ONNX checker; repeat parity where there is a run.

    TensorRT engines that lie beside are checked against their sidecars and the models' files, and not run.

    Args:
        folder: the bundle.
        runs: runs that it was made of; none: those of them that are found under runs/.
        seed: what parity's inputs are drawn with; None draws one.

    Returns:
        How many files were checked, by model what parity found (None where there was no run), the runs, the engines.

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
    seed = fresh_seed() if seed is None else seed
    found: dict[str, Any] = dict.fromkeys(bundle.manifest.models)
    sources = _given(bundle, runs) if runs else _own(bundle)
    for source, _ in sources:
        try:
            found |= _parity(bundle, source, seed)
        except ParityFailed as error:
            raise ParityFailed(f"{error.message} (seed {seed})") from error
    used = [str(run) for _, run in sources]
    return {"files": len(bundle.manifest.files), "models": found, "runs": used, "engines": engines}


def _given(bundle: Bundle, runs: Sequence[Path]) -> list[tuple[Source, Path]]:
    sources = [(load_run(run), run) for run in runs]
    distinct((source.system, run) for source, run in sources)
    for source, run in sources:
        _check_run(bundle, source, run)
    return sources


def _own(bundle: Bundle) -> list[tuple[Source, Path]]:
    """Find runs under runs/ that the bundle was made of, one for a model; nobody named them, so no fault is told."""
    found: dict[str, tuple[Source, Path]] = {}
    for run in sorted(path.parent for path in RUNS.glob(f"*/{CONFIG}")):
        try:
            if _may_be(bundle, Run(run).described()):
                source = load_run(run)
                _check_run(bundle, source, run)
                if source.described["encoder"]:
                    load_encoder(source.described["encoder"])
                found.setdefault(source.system, (source, run))
        except (RunNotFound, RunInvalid, RunsInvalid, EncoderNotFound):
            continue
    return list(found.values())


def _may_be(bundle: Bundle, described: dict[str, Any]) -> bool:
    """Tell whether a run has the seed, the data and the recipe of a model, before its checkpoint is read."""
    model = bundle.manifest.models.get(described["system"])
    told = model.provenance.get("run", {}) if model else {}
    recipe = {key: value for key, value in described["config"].items() if key != "start"}
    return (
        described["seed"] == told.get("seed")
        and described["data"].get("digest") == told.get("data", {}).get("digest")
        and recipe == told.get("config")
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
            f"{path}: the ONNX checker refuses it ({one_line(error)}); export the bundle again"
        ) from error
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
    if source.described["encoder"] and "encoder" not in bundle.manifest.models:
        raise RunsInvalid(f"{run}: is a run that reads text, but {bundle.folder} has no encoder; export it again")
    told, trained = model.provenance.get("run", {}), source.described | source.position
    for name, ours in (("digest", trained["data"]["digest"]), ("total", trained["total"]), ("seed", trained["seed"])):
        theirs = told.get("data", {}).get("digest") if name == "digest" else told.get(name)
        if theirs != ours:
            raise RunsInvalid(
                f"{run}: is not the run that {bundle.folder} was made of, or was trained on since "
                f"({name} {str(ours)[:12]}, the bundle's {str(theirs)[:12]})"
            )


def _parity(bundle: Bundle, source: Source, seed: int) -> dict[str, Any]:
    name = source.described["encoder"]
    encoder = load_encoder(name) if name else None
    made, models, ran = parts(source, encoder), bundle.manifest.models, checkable(bundle)

    def locator(part: Part) -> Locator:
        return lambda feeds, rows=None: locate_divergence(part, stored_in(bundle, models[part.name]), feeds, rows)

    def place() -> str:
        return locate_in_sequence([(part, stored_in(bundle, models[part.name])) for part in made], seed)

    found: dict[str, Any] = {}
    for part in made:
        model = models[part.name]
        found[part.name] = check(part.trial(seed), runner(ran, model), storage_of(model), locator(part))
    if encoder:
        told = check_pictures(ran, encoder, texts(source), made[-1].trial(seed), place)
        found[source.system]["figures"]["text_psnr"] = told
        if bundle.names:
            found["encoder"]["figures"]["names_cosine"] = check_names(ran, encoder)
    return found
