"""Energy and GPU memory: RAPL's counters, and NVIDIA's management library."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap")

Reading = Callable[[], float]


@dataclass
class Meters:
    """Energy meters of this machine, in joules since an arbitrary time, and the reasons why others are `missing`."""

    readings: dict[str, Reading] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def __call__(self) -> dict[str, float]:
        """Read all meters, in joules."""
        return {name: reading() for name, reading in self.readings.items()}


def find(rapl: Path = RAPL) -> Meters:
    """Find the meters of processors and GPUs; each counts the energy of the whole chip, for all processes."""
    meters = Meters()
    packages = sorted(rapl.glob("intel-rapl:?"))
    for package in packages:
        try:
            meters.readings[f"cpu{package.name[-1]}"] = Counter(package)
        except OSError as error:
            meters.missing["cpu"] = f"RAPL's counter cannot be read ({error.strerror})"
    if not packages:
        meters.missing["cpu"] = "this machine shows no RAPL counter (virtual machines hide it)"
    gpu = nvml()
    if isinstance(gpu, str):
        meters.missing["gpu"] = gpu
    else:
        try:
            gpu.joules()
            meters.readings["gpu"] = gpu.joules
        except gpu.errors as error:
            meters.missing["gpu"] = f"this GPU does not count it ({error})"
    return meters


class Counter:
    """One of RAPL's counters, which wrap around at their range."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.range = int((folder / "max_energy_range_uj").read_text())
        self.last, self.turns = self._read(), 0

    def __call__(self) -> float:
        """Return the energy, in joules."""
        reading = self._read()
        self.turns += reading < self.last
        self.last = reading
        return (reading + self.turns * self.range) / 1e6

    def _read(self) -> int:
        return int((self.folder / "energy_uj").read_text())


class Nvml:
    """The first GPU, through NVIDIA's management library."""

    def __init__(self, library: Any) -> None:
        self.library, self.errors = library, library.NVMLError
        library.nvmlInit()
        self.device = library.nvmlDeviceGetHandleByIndex(0)

    def joules(self) -> float:
        """Return the energy that the GPU has used since its driver was loaded."""
        return float(self.library.nvmlDeviceGetTotalEnergyConsumption(self.device)) / 1e3

    def memory(self, pid: int) -> int | None:
        """Return the bytes of GPU memory that a process holds; None where the driver does not count them."""
        for process in self.library.nvmlDeviceGetComputeRunningProcesses(self.device):
            if process.pid == pid and process.usedGpuMemory is not None:
                return int(process.usedGpuMemory)
        return None

    def facts(self) -> dict[str, str]:
        """Return the name of the GPU and the version of its driver."""
        return {
            "gpu": self.library.nvmlDeviceGetName(self.device),
            "driver": self.library.nvmlSystemGetDriverVersion(),
        }


def nvml() -> Nvml | str:
    """Open NVIDIA's library; return the reason if that is not possible."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return "nvidia-ml-py is not installed (pip install nvidia-ml-py)"
    try:
        return Nvml(pynvml)
    except pynvml.NVMLError as error:
        return f"there is no NVIDIA GPU ({error})"


def gpu_memory(pid: int) -> int | None:
    """Return the bytes of the first GPU's memory that a process holds; None if there is no count of them."""
    gpu = nvml()
    return None if isinstance(gpu, str) else gpu.memory(pid)
