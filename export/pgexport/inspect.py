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
    return {
        "kind": model.kind,
        "file": model.file,
        "bytes": entry.bytes if entry else None,
        "sha256": entry.sha256 if entry else None,
        "precision": model.precision,
        "opset": model.opset,
        "inputs": [_tensor(tensor) for tensor in model.inputs],
        "outputs": [_tensor(tensor) for tensor in model.outputs],
        "settings": model.settings,
        "parity": model.parity,
        "provenance": model.provenance,
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


def figures(parity: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """The figures among what a manifest says of parity."""
    figures: dict[str, dict[str, float | None]] = parity.get("figures", {})
    return figures


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
            for figure, value in figures(model["parity"]).items()
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
        data = f"{run['data']['examples']} examples ({run['data']['digest'][:12]})"
        lines.append(f"a run of {run['system']}, seed {run['seed']}, on {data}")
        lines.append(progress(run))
    if run.get("encoder"):
        lines.append(f"encoder {run['encoder']}")
    if "versions" in export:
        lines.append("exported by " + ", ".join(f"{name} {version}" for name, version in export["versions"].items()))
    return lines


def progress(run: dict[str, Any]) -> str:
    """The progress of a run in a manifest."""
    return f"after {run['epoch']} of {run['epochs']} epochs"


def difference(one: Path, other: Path) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Compare the models of two bundles: by model and fact the two values that differ, None where one is missing.

    Files that belong to no model stand under the name ``files``, and under ``contents`` the files of either folder that
    are not what its manifest says: damaged, missing, or not in it.

    Raises:
        BundleNotFound, BundleInvalid: one is no bundle.
    """
    first, second = describe_bundle(one), describe_bundle(other)
    differences: dict[str, dict[str, tuple[Any, Any]]] = {}
    for name in {**first["models"], **second["models"]}:
        facts = [_facts(summary["models"].get(name)) for summary in (first, second)]
        differences[name] = _differing(*facts)
    checksums = [_other_files(folder) for folder in (one, other)]
    differences["files"] = _differing(*checksums)
    differences["contents"] = _differing(_contents(one), _contents(other))
    return {name: facts for name, facts in differences.items() if facts}


def _other_files(folder: Path) -> dict[str, Any]:
    manifest = open_bundle(folder).manifest
    held = {model.file for model in manifest.models.values()}
    return {name: entry.sha256 for name, entry in manifest.files.items() if name not in held}


def _contents(folder: Path) -> dict[str, Any]:
    """Checksums of the files of a folder that are not as its manifest says, "missing" for those that are not there.

    Engines are left out: they are a machine's own, and no manifest lists them.
    """
    entries = open_bundle(folder).manifest.files
    there = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    own = {place.as_posix(): path for place, path in there.items() if place.parts[0] not in (FOLDER, MANIFEST)}
    checksums = {name: describe(path).sha256 for name, path in own.items()}
    listed = {name: entry.sha256 for name, entry in entries.items()}
    return {
        name: checksums.get(name, "missing") for name in listed | checksums if checksums.get(name) != listed.get(name)
    }


def _facts(model: dict[str, Any] | None) -> dict[str, Any]:
    if model is None:
        return {}
    direct = ("kind", "file", "precision", "opset", "inputs", "outputs", "bytes", "sha256")
    facts = {name: model[name] for name in direct} | _flat(model["settings"], "settings ")
    return facts | _parity_facts(model["parity"]) | _flat(model["provenance"])


def _parity_facts(parity: dict[str, Any]) -> dict[str, Any]:
    """The figures, their limits, and how they were measured: storage, batches."""
    measured = {f"parity {name}": value["measured"] for name, value in figures(parity).items()}
    limits = {f"parity {name} limit": value["limit"] for name, value in figures(parity).items()}
    rest = {name: value for name, value in parity.items() if name != "figures"}
    return measured | limits | _flat(rest, "parity ")


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{before}{name} ") if isinstance(value, dict) else {before + name: value}
    return flat


def _differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = {**one, **other}
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


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
    text = (
        f"{value:.5g}"
        if isinstance(value, float)
        else "\n".join(map(str, value))
        if isinstance(value, list)
        else str(value)
    )
    return text[:12] if len(text) == 64 else text
