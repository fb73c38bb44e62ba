"""Checks of the bundle and the caches."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pgen.backends.openvino.probe import installed
from pgen.backends.registry import DEVICES
from pgen.bundle.engines import check_runs, plan_path, read_engine
from pgen.bundle.reader import EMBEDDED, Bundle, open_bundle
from pgen.doctor.finding import Finding, guarded, split
from pgen.errors import DeviceUnavailable
from pokegan.errors import PokeganError

BUNDLE = "bundle"


def health(folder: Path | None) -> Iterator[Finding]:
    """Check a bundle: format, models, checksums and graphs of all files, parity of OpenVINO, TensorRT engines."""
    opened: list[Bundle] = []

    def manifest() -> Finding:
        bundle = open_bundle(folder or EMBEDDED)
        opened.append(bundle)
        description = f"{bundle.folder}, format {bundle.manifest.format}, {bundle.digest[:12]}"
        return Finding(BUNDLE, "manifest", "ok", f"{description}: {', '.join(bundle.manifest.models) or 'no models'}")

    yield guarded(BUNDLE, "manifest", manifest)
    for bundle in opened:
        graphs = {model.file for model in bundle.manifest.models.values()}
        for name in sorted({*bundle.manifest.files, *graphs}):
            yield guarded(BUNDLE, name, partial(_file, bundle, name))
        for name in bundle.manifest.models:
            yield guarded(BUNDLE, name, partial(_model, bundle, name))
            yield from _compared(bundle, name)
            yield from _engine(bundle, name)


def _file(bundle: Bundle, name: str) -> Finding:
    return Finding(BUNDLE, name, "ok", f"{len(bundle.read(name)):,} bytes, SHA-256 as in the manifest")


def _model(bundle: Bundle, name: str) -> Finding:
    from pgen.backends.devices import open_model

    model = bundle.manifest.models[name]
    description = f"{model.kind}, opset {model.opset}, {model.precision}"
    try:
        open_model(bundle, model, "cpu")
    except DeviceUnavailable as error:
        return Finding(BUNDLE, name, "note", f"{description}; not for this machine's CPU", split(error)[1])
    return Finding(BUNDLE, name, "ok", description)


def _compared(bundle: Bundle, name: str) -> Iterator[Finding]:
    """Check that OpenVINO's pictures are within the tolerances of its precision."""
    model = bundle.manifest.models[name]
    # ONNX Runtime cannot compute the reference in bf16 on the CPU.
    if not model.draws_pictures or model.parity.get("storage") == "bf16" or not installed():
        return

    def look() -> Finding:
        from pgen.backends.openvino.session import open_openvino
        from pgen.backends.parity import compare, limits

        session = open_openvino(bundle, model)
        figures = compare(bundle, model, bundle.graph(model), session)
        description = f"largest difference {figures.worst:.0f}, 99.9 % within {figures.most:.0f}, {figures.psnr:.0f} dB"
        if figures.within(limits(model, session.precision)):
            result = f"in {session.precision}, {description}: within the tolerances"
            return Finding(BUNDLE, f"{name} in OpenVINO", "ok", result)
        return Finding(
            BUNDLE, f"{name} in OpenVINO", "wrong", f"{description}: beyond the tolerances", "use device cpu"
        )

    yield guarded(BUNDLE, f"{name} in OpenVINO", look)


def _engine(bundle: Bundle, name: str) -> Iterator[Finding]:
    """Check a TensorRT engine, if one was built."""
    if not plan_path(bundle, name).is_file():
        return

    def look() -> Finding:
        info, _ = read_engine(bundle, name)
        description = f"TensorRT {info.tensorrt} on {info.gpu}"
        try:
            DEVICES["engine"].probe()
        except PokeganError:
            return Finding(BUNDLE, f"engine of {name}", "note", f"{description}; see the device engine")
        import tensorrt

        from pgen.backends.tensorrt.cuda import open_cuda

        cuda = open_cuda()
        check_runs(bundle, info, tensorrt.__version__, cuda.gpu, cuda.capability)
        return Finding(BUNDLE, f"engine of {name}", "ok", description)

    yield guarded(BUNDLE, f"engine of {name}", look)


def caches() -> Iterator[Finding]:
    """Check that compiled models can be cached."""
    yield guarded("caches", "pokegan", _cache)


def _cache() -> Finding:
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        return Finding("caches", "pokegan", "note", "none; only OpenVINO and TensorRT cache compiled models")
    folder = user_cache_path("pokegan")
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return Finding("caches", "pokegan", "ok", f"{folder} can be written")
    remedy = "change its permissions, or set XDG_CACHE_HOME to another folder"
    description = f"{folder}: {existing} cannot be written; compiled models are not cached"
    return Finding("caches", "pokegan", "note", description, remedy)
