"""The contents of a bundle, and how two differ; without PyTorch, ONNX or a runtime."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pgen.bundle.engines import FOLDER, engine_names, plan_path, read_engine, read_info
from pgen.bundle.reader import MANIFEST, Bundle, Model, Tensor, describe, open_bundle
from pokegan.errors import PokeganError


def describe_bundle(folder: Path) -> dict[str, Any]:
    """Describe the bundle in `folder`, ready for JSON: models with inputs, outputs, size, parity, provenance.

    TensorRT engines, which are not part of the bundle, are listed beside it, with what is wrong with each.

    Raises:
        BundleNotFound, BundleInvalid: there is no bundle, or its manifest is damaged.
    """
    bundle = open_bundle(folder)
    entries = bundle.manifest.files
    models = {name: _model(bundle, model) for name, model in bundle.manifest.models.items()}
    held = {model.file for model in bundle.manifest.models.values()}
    return {
        "format": bundle.manifest.format,
        "digest": bundle.digest,
        "bytes": sum(entry.bytes for entry in entries.values()) + (folder / MANIFEST).stat().st_size,
        "models": models,
        "engines": {name: _engine(bundle, name) for name in engine_names(bundle)},
        "other_files": {name: entry.bytes for name, entry in entries.items() if name not in held},
    }


def _model(bundle: Bundle, model: Model) -> dict[str, Any]:
    entry = bundle.manifest.files.get(model.file)
    return vars(model) | {
        "inputs": [_tensor(tensor) for tensor in model.inputs],
        "outputs": [_tensor(tensor) for tensor in model.outputs],
        "bytes": entry.bytes if entry else None,
        "sha256": entry.sha256 if entry else None,
    }


def _engine(bundle: Bundle, name: str) -> dict[str, Any]:
    """Describe an engine by its sidecar, and what is wrong with it: None if it matches its model's file."""
    info: dict[str, Any] = {}
    try:
        info = asdict(read_info(bundle, name)) | {"bytes": plan_path(bundle, name).stat().st_size}
        read_engine(bundle, name)
    except PokeganError as error:
        return info | {"wrong": error.message}
    return info | {"wrong": None}


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype} ({', '.join(map(str, tensor.shape))})"


def number(value: float | None) -> str:
    """Format a figure or its limit; None: no limit."""
    return "none" if value is None else f"{value:.5g}"


def show(summary: dict[str, Any]) -> None:
    """Print a :func:`describe_bundle`."""
    console = Console(markup=False)  # brackets in a bundle are text, not markup
    for name, model in summary["models"].items():
        table = Table(title=f"{name}: {model['kind']}", show_header=False, title_justify="left")
        size = f"{model['bytes'] / 1e6:.1f} MB" if model["bytes"] is not None else "missing"
        table.add_row("file", f"{model['file']}, {size}, opset {model['opset']}")
        table.add_row("precision", model["precision"])
        table.add_row("inputs", "\n".join(model["inputs"]))
        table.add_row("outputs", "\n".join(model["outputs"]))
        parity = (
            f"{figure} {number(value['measured'])} (limit {number(value['limit'])})"
            for figure, value in model["parity"].get("figures", {}).items()
        )
        table.add_row("parity", "\n".join(parity))
        table.add_row("from", "\n".join(origin(model["provenance"])))
        console.print(table)
    for name, engine in summary["engines"].items():
        console.print(_engine_table(name, engine))
    others = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in summary["other_files"].items())
    console.print(f"other files: {others or 'none'}", highlight=False)
    console.print(
        f"format {summary['format']}, {summary['bytes'] / 1e6:.1f} MB, digest {summary['digest']}", highlight=False
    )


def _engine_table(name: str, engine: dict[str, Any]) -> Table:
    table = Table(title=f"engines/{name}.plan", show_header=False, title_justify="left")
    if "tensorrt" in engine:
        table.add_row("runs on", f"TensorRT {engine['tensorrt']}, {engine['gpu']} ({engine['compute_capability']})")
        table.add_row("size", f"{engine['bytes'] / 1e6:.1f} MB")
        table.add_row("profile", "\n".join(f"{key} {_shapes(shapes)}" for key, shapes in engine["profile"].items()))
        table.add_row("parity", "\n".join(f"{figure} {number(value)}" for figure, value in engine["parity"].items()))
    table.add_row("state", engine["wrong"] or f"built from the {name}.onnx that is here")
    return table


def _shapes(shapes: list[list[int]]) -> str:
    return " to ".join("x".join(map(str, shape)) for shape in shapes)


def origin(provenance: dict[str, Any]) -> list[str]:
    """Describe in a few lines where a model comes from."""
    run, export = provenance.get("run", {}), provenance.get("export", {})
    lines = []
    if "data" in run:
        data = f"{run['data'].get('examples', 'unknown')} examples ({run['data']['digest'][:12]})"
        lines.append(f"a run of {run['system']}, seed {run['seed']}, on {data}")
        lines.append(f"after {run['epoch']} of {run.get('epochs', 'unknown')} epochs")
    if run.get("encoder"):
        lines.append(f"encoder {run['encoder']}")
    if "versions" in export:
        lines.append("exported by " + ", ".join(f"{name} {version}" for name, version in export["versions"].items()))
    return lines


def difference(one: Path, other: Path) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Compare the models of two bundles: by model and fact the two values that differ, None where one is missing.

    Files that belong to no model stand under the name ``files``, and under ``contents`` the files of either folder that
    are not what its manifest says: damaged, missing, or not in it.

    Raises:
        BundleNotFound, BundleInvalid: one of them is not a bundle.
    """
    first, second = _facts(one), _facts(other)
    differences: dict[str, dict[str, tuple[Any, Any]]] = {}
    for part in first | second:
        ours, theirs = first.get(part, {}), second.get(part, {})
        facts = {fact: (ours.get(fact), theirs.get(fact)) for fact in ours | theirs}
        if differing := {fact: values for fact, values in facts.items() if values[0] != values[1]}:
            differences[part] = differing
    return differences


def _facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Collect what is compared of a bundle: the facts of each model, and checksums of ``files`` and ``contents``.

    Engines are left out: they are a machine's own, and no manifest lists them.
    """
    bundle = open_bundle(folder)
    listed = {name: entry.sha256 for name, entry in bundle.manifest.files.items()}
    models = {name: _model_facts(_model(bundle, model)) for name, model in bundle.manifest.models.items()}
    held = {model.file for model in bundle.manifest.models.values()}
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    present = {
        place.as_posix(): describe(path).sha256
        for place, path in paths.items()
        if place.parts[0] not in (FOLDER, MANIFEST)
    }
    changed = [name for name in listed | present if present.get(name) != listed.get(name)]
    return models | {
        "files": {name: checksum for name, checksum in listed.items() if name not in held},
        "contents": {name: present.get(name, "missing") for name in changed},
    }


def _model_facts(model: dict[str, Any]) -> dict[str, Any]:
    """Flatten a :func:`_model` to one name a fact, such as "settings latent_dim" or "parity psnr limit"."""
    rest = model | {"parity": {name: value for name, value in model["parity"].items() if name != "figures"}}
    provenance, figures = rest.pop("provenance"), model["parity"].get("figures", {})
    measured = {f"parity {name}": figure["measured"] for name, figure in figures.items()}
    limits = {f"parity {name} limit": figure["limit"] for name, figure in figures.items()}
    return _flat(rest) | measured | limits | _flat(provenance)


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{before}{name} ") if isinstance(value, dict) else {before + name: value}
    return flat


def show_difference(differences: dict[str, dict[str, tuple[Any, Any]]], one: Path, other: Path) -> None:
    """Print a :func:`difference`, one line per fact."""
    table = Table("model", "fact", str(one), str(other))
    for name, facts in differences.items():
        for fact, values in facts.items():
            table.add_row(name, fact, *(_short(value) for value in values))
    Console(markup=False).print(table)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:12] if len(text) == 64 else text  # a checksum
