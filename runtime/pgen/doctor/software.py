"""Checks of Python and the packages: versions, and whether they can be imported."""

import platform
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from pgen.backends.registry import further_packages
from pgen.doctor.finding import Finding, guarded, is_frozen
from pokegan import __version__
from pokegan.errors import one_line

TOPIC = "packages"

NEEDED = {"numpy": "numpy", "pillow": "PIL.Image", "tokenizers": "tokenizers", "click": "click", "rich": "rich"}
"""Required distributions, and a module of each."""

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
"""Builds of ONNX Runtime, which overwrite each other: all install the same folder."""

HELPERS = {
    "platformdirs": "platformdirs",
    "cuda-bindings": "cuda.bindings",
    "av": "av",
    "pyarrow": "pyarrow",
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "prometheus-client": "prometheus_client",
    "python-multipart": "python_multipart",
    "ray": "ray",
}
"""Distributions that some devices, formats and commands need beside a runtime, and a module of each."""


def _optional() -> dict[str, str]:
    """Return the distributions of further runtimes and their helpers, and a module of each."""
    return {name: name for name in further_packages()} | HELPERS


def packages() -> Iterator[Finding]:
    """Check Python and the packages of the runtime."""
    yield Finding(TOPIC, "python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield Finding(TOPIC, "pokegan", "ok", __version__)
    for name, module in NEEDED.items():
        yield guarded(TOPIC, name, partial(_package, name, module))
    yield guarded(TOPIC, "onnxruntime", _runtime)
    for name, module in _optional().items():
        if installed(name):
            yield guarded(TOPIC, name, partial(_package, name, module))


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return _in_program(distribution)


def _in_program(distribution: str) -> str | None:
    """Return the version of a package in a frozen program, which usually lacks metadata; None without the package."""
    module = (NEEDED | _optional() | {"onnxruntime": "onnxruntime"}).get(distribution)
    if not is_frozen() or module is None:
        return None
    try:
        package = import_module(module.partition(".")[0])
    except Exception:  # a broken package raises anything
        return None
    try:
        return str(package.__version__)
    except (AttributeError, PackageNotFoundError):  # click asks the metadata
        return "of unknown version"


def _package(name: str, module: str) -> Finding:
    remedy = f"pip install --force-reinstall {name}"
    number = installed(name)
    if number is None:
        return Finding(TOPIC, name, "wrong", "not installed", f"pip install {name}")
    try:
        import_module(module)
    except Exception as error:  # a broken package raises anything
        return Finding(TOPIC, name, "wrong", f"{number}, cannot be imported: {one_line(error)}", remedy)
    return Finding(TOPIC, name, "ok", number)


def _runtime() -> Finding:
    versions = {name: number for name in RUNTIMES if (number := installed(name))}
    description = " and ".join(f"{name} {number}" for name, number in versions.items())
    if not versions:
        return Finding(TOPIC, "onnxruntime", "wrong", "not installed", "pip install 'pokegan[cpu]', or [gpu]")
    again = f"pip uninstall -y {' '.join(versions)} && pip install 'pokegan[cpu]', or [gpu]"
    if len(versions) > 1:
        return Finding(TOPIC, "onnxruntime", "wrong", f"{description} overwrite each other", again)
    try:
        import_module("onnxruntime").get_available_providers()
    except Exception as error:  # as above; a folder that is half deleted can be imported, but lacks functions
        return Finding(TOPIC, "onnxruntime", "wrong", f"{description}, cannot be used: {one_line(error)}", again)
    return Finding(TOPIC, "onnxruntime", "ok", description)
