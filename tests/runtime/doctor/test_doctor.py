"""pgen doctor: healthy installations, broken ones, and what to do."""

import json
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from pgen.backends.registry import Device
from pgen.bundle.reader import EMBEDDED
from pgen.doctor import Finding, examine, hardware, healthy, software, storage
from pokegan.errors import PokeganError
from tests.conftest import Command, run_python


def named(findings: Any, name: str) -> Finding:
    (match,) = (finding for finding in findings if finding.name == name)
    return match  # type: ignore[no-any-return]


def test_this_installation_is_healthy(command: Command) -> None:
    done = command("pgen", "doctor", "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    document = json.loads(done.stdout)
    assert document["healthy"] is True
    findings = {finding["name"]: finding for finding in document["findings"]}
    assert {"python", "numpy", "onnxruntime", "cpu", "auto", "manifest", "stackgan.onnx", "pokegan"} <= set(findings)
    assert all(finding["remedy"] for finding in findings.values() if finding["state"] == "wrong")


@pytest.mark.parametrize("missing", ["onnxruntime", "numpy", "PIL", "tokenizers", "rich"])
def test_a_missing_package_is_a_finding(missing: str, tmp_path: Path) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['pgen', 'doctor', '--json']\n"
    program += "sys.argv += ['--bundle', 'none']; from pgen.main import main; main()"
    done = run_python(program, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    wrong = [finding for finding in document["findings"] if finding["state"] == "wrong"]
    name = {"PIL": "pillow"}.get(missing, missing)
    assert any(finding["name"] == name and "pip" in finding["remedy"] for finding in wrong), wrong
    assert any(finding["name"] == "manifest" and "none" in finding["description"] for finding in wrong)


@pytest.mark.parametrize("missing", [None, "tokenizers"])
def test_frozen_program_is_examined_without_advice_on_pip(missing: str | None, tmp_path: Path) -> None:
    program = (
        f"import importlib.metadata as metadata, sys; sys.frozen = True; sys.modules.update({{{missing!r}: None}})\n"
    )
    program += "def version(name): raise metadata.PackageNotFoundError(name)\nmetadata.version = version\n"
    program += "sys.argv = ['pgen', 'doctor', '--json']; from pgen.main import main; main()"
    done = run_python(program, cwd=tmp_path)
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == (missing is not None), [one for one in findings if one["state"] == "wrong"]
    assert not [finding for finding in findings if re.search(r"\bpip\b|pokegan\[", finding["remedy"])]
    names = {finding["name"]: finding["description"] for finding in findings}
    assert names["onnxruntime"] == f"onnxruntime {onnxruntime.__version__}"


@pytest.mark.parametrize("name", ["av", "pyarrow", "fastapi", "uvicorn", "prometheus-client", "ray"])
def test_packages_of_the_extras_are_listed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(software, "version", lambda name: "1.0")
    monkeypatch.setattr(software, "import_module", lambda name: None)
    assert named(software.packages(), name).description == "1.0"


def test_both_builds_of_onnx_runtime_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "version", lambda name: "1.0")
    finding = named(software.packages(), "onnxruntime")
    assert finding.state == "wrong"
    assert "onnxruntime-gpu 1.0" in finding.description
    assert "overwrite each other" in finding.description
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in finding.remedy


def test_missing_onnx_runtime_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in software.RUNTIMES:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(software, "version", version)
    finding = named(software.packages(), "onnxruntime")
    assert (finding.state, finding.description) == ("wrong", "not installed")
    assert "pokegan[cpu]" in finding.remedy


def test_damaged_file_of_a_bundle_is_a_finding(tmp_path: Path) -> None:
    shutil.copytree(EMBEDDED, tmp_path / "b")
    (tmp_path / "b" / "names.npy").write_bytes(b"short")
    (tmp_path / "b" / "tokenizer.json").unlink()
    findings = list(storage.health(tmp_path / "b"))
    assert not healthy(findings)
    for name in ("names.npy", "tokenizer.json"):
        assert named(findings, name).state == "wrong"
        assert named(findings, name).remedy == "export or install it again"
    assert named(findings, "stackgan.onnx").state == "ok"


def test_a_gpu_that_onnx_runtime_lists_and_cannot_start_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(device: Device) -> None:
        raise PokeganError(f"device {device.name}: not available (could not start it); install a driver")

    monkeypatch.setattr(Device, "probe", lacks)
    monkeypatch.setattr(hardware, "_listed", lambda device: True)
    monkeypatch.setattr(hardware, "resolve", lambda device: "cpu")
    for gpu, state in ((["NVIDIA"], "wrong"), (None, "note")):
        monkeypatch.setattr(hardware, "gpus", lambda gpu=gpu: gpu)
        finding = named(hardware.devices(), "cuda")
        assert (finding.state, finding.remedy) == (state, "install a driver")


def test_failing_driver_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Failed to initialize NVML; exit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    finding = named(hardware.machine(), "gpu")
    assert finding.state == "wrong"
    assert "Failed to initialize NVML" in finding.description


def test_text_report_has_no_color_on_a_pipe(command: Command) -> None:
    done = command("pgen", "doctor")
    assert "\x1b" not in done.stdout
    assert "  ok     numpy: " in done.stdout
    assert healthy(examine()) == (done.returncode == 0)
