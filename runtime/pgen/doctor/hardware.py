"""The processor, the GPU, and which devices really start."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

from pgen.backends.auto import choose, probe
from pgen.backends.cores import physical_cores
from pgen.backends.cpu import cpu
from pgen.backends.openvino_probe import installed
from pgen.backends.registry import DEVICES, OPENVINO, PROVIDERS, WORDS
from pgen.doctor.finding import Finding, guarded, split
from pokegan.errors import MissingExtra, PokeganError


def machine() -> Iterator[Finding]:
    """Look at the processor and the GPU."""
    yield guarded("machine", "cpu", _cpu)
    yield guarded("machine", "gpu", _gpu)


def _cpu() -> Finding:
    name, features = cpu()
    told = f"{name}, {physical_cores()} cores"
    if features is None:
        return Finding("machine", "cpu", "ok", f"{told}; this system does not tell its instructions")
    told += f" ({' '.join(features)})"
    if not {"avx2", "asimd"} & set(features):
        return Finding("machine", "cpu", "note", told, "expect it to be slow: it has no AVX2")
    if {"avx512_bf16", "amx_bf16", "bf16"} & set(features) and not installed():
        return Finding("machine", "cpu", "note", told, "pip install 'pokegan[openvino]' draws faster on it, in bf16")
    return Finding("machine", "cpu", "ok", told)


def gpus() -> list[str] | None:
    """List NVIDIA GPUs: name, driver, memory; None without a driver.

    Raises:
        RuntimeError: there is a driver that does not work.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    call = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"nvidia-smi fails: {(done.stdout + done.stderr).strip()}; install NVIDIA's driver again")
    return done.stdout.strip().splitlines()


def _gpu() -> Finding:
    found = gpus()
    if not found:
        return Finding("machine", "gpu", "note", "no NVIDIA GPU, or no driver for it")
    return Finding("machine", "gpu", "ok", "; ".join(found))


def devices() -> Iterator[Finding]:
    """Open a tiny model on every device, and tell what ``auto`` is."""
    for device in DEVICES[1:]:
        yield guarded("devices", device, partial(_device, device))
    yield guarded("devices", "auto", lambda: Finding("devices", "auto", "ok", WORDS[choose()]))


def _device(device: str) -> Finding:
    try:
        probe(device)
    except PokeganError as error:
        found, mend = split(error)
        found = found.removeprefix(f"device {device}: ")
        return Finding("devices", device, "wrong" if _expected(device, error) else "note", found, mend)
    return Finding("devices", device, "ok", WORDS[device])


def _expected(device: str, error: PokeganError) -> bool:
    """Should `device` have started, going by what is installed and by the GPU?"""
    if isinstance(error, MissingExtra) and device != "cpu":
        return False
    if device == "cpu" or device.startswith(OPENVINO):
        return True
    return _has_gpu() and _listed(device)


def _has_gpu() -> bool:
    try:
        return bool(gpus())
    except (RuntimeError, OSError, subprocess.SubprocessError):
        return True


def _listed(device: str) -> bool:
    import onnxruntime

    return device not in PROVIDERS or PROVIDERS[device][0] in onnxruntime.get_available_providers()
