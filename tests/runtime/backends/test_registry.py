"""The table of devices: a row that is added opens, and shows in the commands, in pgen doctor and in pgbench."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import pgen
from pgbench.measuring.environment import environment
from pgbench.processes.backends import Opened, command, names
from pgbench.processes.pgen_worker import Runtime
from pgbench.suite import named
from pgen.backends.registry import DEVICES, Device, describe_session, further_packages
from pgen.doctor.hardware import devices
from pgen.doctor.software import packages

TOY = Device(
    "toy",
    "a provider added by a test",
    "install toy, or use device cpu",
    ("CPUExecutionProvider",),
    benchmark="onnx-toy",
)

PROGRAM = """
import sys
from pgen.backends.registry import DEVICES, Device
DEVICES["toy"] = Device("toy", "a toy", "install toy", (sys.argv[1],))
sys.argv = ["pgen", "image", "Charizard", *sys.argv[2:]]
from pgen.main import main
main()
"""


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEVICES, "toy", TOY)


def run(provider: str, *options: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", PROGRAM, provider, *options]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def test_every_row_names_functions_that_exist() -> None:
    from importlib import import_module

    for device in DEVICES.values():
        for place in filter(None, (device.opener, device.prober, device.preferred)):
            module, attribute = place.split(":")
            assert callable(getattr(import_module(module), attribute)), (device.name, place)


def test_toy_device_draws(toy: None) -> None:
    pictures = pgen.load(device="toy", threads=1).images("Charizard")
    assert np.array_equal(pictures, pgen.load(device="cpu", threads=1).images("Charizard"))


def test_doctor_probes_toy_device(toy: None) -> None:
    (finding,) = (finding for finding in devices() if finding.name == "toy")
    assert (finding.state, finding.description) == ("ok", "a provider added by a test")


def test_package_of_a_row_is_named_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime other than ONNX Runtime needs its row alone to show in metadata, doctor and benchmark results."""
    row = Device("toy", "a runtime added by a test", "install toy", ("Toy",), package="pytest")
    monkeypatch.setitem(DEVICES, "toy", row)

    class Session:
        def get_providers(self) -> list[str]:
            return ["Toy bf16"]

    assert describe_session(cast(Any, Session())) == f"Toy bf16, pytest {pytest.__version__}"
    assert {"openvino", "tensorrt", "pytest"} == set(further_packages())
    (finding,) = (finding for finding in packages() if finding.name == "pytest")
    assert (finding.state, finding.description) == ("ok", pytest.__version__)
    assert environment()["packages"]["pytest"] == pytest.__version__


def test_pgbench_measures_toy_device(toy: None) -> None:
    assert names("onnx-toy") == ["onnx-toy"]
    assert "toy" in command("onnx-toy", Opened(Path("bundle")))
    assert named("toy", ["CPUExecutionProvider"]) == "onnx-toy"
    assert Runtime(pgen.load(device="toy", threads=1), None).facts()["where"] == "cpu"


def test_device_option_takes_toy_device(tmp_path: Path) -> None:
    assert "toy" in run("CPUExecutionProvider", "--help").stdout
    done = run("CPUExecutionProvider", "--device", "toy", "--out", str(tmp_path / "a.png"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.png").is_file()


def test_missing_provider_is_one_line_with_the_remedy_of_its_row(tmp_path: Path) -> None:
    done = run("ToyExecutionProvider", "--device", "toy", "--out", str(tmp_path / "a.png"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: device toy: not available (this ONNX Runtime was built without it); install toy")
    assert "pgen doctor" in line, "the hint of the command line"
