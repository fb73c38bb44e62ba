"""Checks of the processor, the GPU and the devices."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

from pgen.backends.cores import cpu, physical_cores
from pgen.backends.devices import resolve
from pgen.backends.onnxruntime import is_built_in
from pgen.backends.openvino.probe import installed
from pgen.backends.registry import AUTO, DEVICES, Device
from pgen.doctor.finding import Finding, guarded, split
from pokegan.errors import MissingExtra, PokeganError


def machine() -> Iterator[Finding]:
    """Check the processor and the GPU."""
    yield guarded("machine", "cpu", _cpu)
    yield guarded("machine", "gpu", _gpu)


def _cpu() -> Finding:
    name, features = cpu()
    description = f"{name}, {physical_cores()} cores"
    if features is None:
        return Finding("machine", "cpu", "ok", f"{description}; this system does not list its instruction sets")
    description += f" ({' '.join(features)})"
    if not {"avx2", "asimd"} & set(features):
        return Finding("machine", "cpu", "note", description, "without AVX2, generation is slow")
    if {"avx512_bf16", "amx_bf16", "bf16"} & set(features) and not installed():
        return Finding("machine", "cpu", "note", description, "faster in bf16 with: pip install 'pokegan[openvino]'")
    return Finding("machine", "cpu", "ok", description)


def gpus() -> list[str] | None:
    """List NVIDIA GPUs: name, driver, memory; None without a driver.

    Raises:
        RuntimeError: the driver does not work.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    call = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    process = subprocess.run(call, capture_output=True, text=True, timeout=30, check=False)
    if process.returncode:
        output = (process.stdout + process.stderr).strip()
        raise RuntimeError(f"nvidia-smi fails: {output}; install NVIDIA's driver again")
    return process.stdout.strip().splitlines()


def _gpu() -> Finding:
    lines = gpus()
    if not lines:
        return Finding("machine", "gpu", "note", "no NVIDIA GPU, or no driver for it")
    return Finding("machine", "gpu", "ok", "; ".join(lines))


def devices() -> Iterator[Finding]:
    """Check every device, and report the one that ``auto`` chooses."""
    for name, device in DEVICES.items():
        yield guarded("devices", name, partial(_device, device))
    yield guarded("devices", AUTO, lambda: Finding("devices", AUTO, "ok", DEVICES[resolve(AUTO)].description))


def _device(device: Device) -> Finding:
    try:
        device.probe()
    except PokeganError as error:
        problem, remedy = split(error)
        problem = problem.removeprefix(f"device {device.name}: ")
        return Finding("devices", device.name, "wrong" if _expected(device, error) else "note", problem, remedy)
    return Finding("devices", device.name, "ok", device.description)


def _expected(device: Device, error: PokeganError) -> bool:
    """Return whether `device` should have started, with these packages and this GPU."""
    if isinstance(error, MissingExtra) and device.name != "cpu":
        return False
    return not device.on_gpu or (_has_gpu() and _listed(device))


def _has_gpu() -> bool:
    try:
        return bool(gpus())
    except (RuntimeError, OSError, subprocess.SubprocessError):
        return True


def _listed(device: Device) -> bool:
    return not device.providers[0].endswith("ExecutionProvider") or is_built_in(device)
