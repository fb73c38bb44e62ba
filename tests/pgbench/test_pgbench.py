"""pgbench as a person runs it, on tiny bundles and for no time at all."""

import json
import shutil
from pathlib import Path

import pytest

from pgbench.measuring.environment import environment
from pgbench.processes.backends import TORCH, BackendUnknown, names, runtime_backends
from pgbench.suite import SCHEMA, named
from tests.conftest import Command

QUICK = ("--device", "cpu", "--batch", "2", "--seconds", 0, "--rounds", 2, "--threads", 1)


def test_the_environment_names_no_machine() -> None:
    import socket

    document = json.dumps(environment())
    assert socket.gethostname() not in document
    assert str(Path.home()) not in document


def test_names_of_backends() -> None:
    assert names("torch, onnx-cpu,torch") == ["torch", "onnx-cpu"]
    assert names("") == []
    assert names("torch,all")[0] == "torch"
    assert set(names("all")) == {*runtime_backends(), *TORCH}
    with pytest.raises(BackendUnknown, match="'toaster': unknown backend"):
        names("torch,toaster")


def test_a_backend_is_named_by_what_it_runs_on() -> None:
    assert named("auto", ["CPUExecutionProvider"]) == "onnx-cpu"
    assert named("auto", ["CUDAExecutionProvider", "CPUExecutionProvider"]) == "onnx-cuda"
    assert named("auto", ["OpenVINO bf16"]) == "openvino"
    assert named("engine", ["TensorRT 10"]) == "engine"


@pytest.fixture(scope="session")
def peer_bundle(tiny_bundle: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle, whose encoder PyTorch finds wherever it runs."""
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("peer") / "bundle"))
    manifest = (bundle / "manifest.json").read_text()
    assert str(tiny_encoder) not in manifest, "the bundle tells only the last part of the folder"
    (bundle / "manifest.json").write_text(manifest.replace(f'"{tiny_encoder.name}"', f'"{tiny_encoder}"'))
    return bundle


def test_pgbench_compares_with_pytorch(command: Command, peer_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = command("pgbench", *QUICK, "--bundle", peer_bundle, "--vs", "torch", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads(out.read_text())
    assert done.stderr.splitlines()[0] == "batch 2: encoder (1 of 5)", "progress is printed without a terminal too"
    assert (result["schema"], result["backend"]) == (SCHEMA, "onnx-cpu")
    assert set(result["backends"]) == {"onnx-cpu", "torch"}
    exact = result["backends"]["onnx-cpu"]["parity"]["generator"]
    assert exact["same"], exact
    assert exact["largest"] <= 2
    parts = {entry["part"] for entry in result["measurements"] if entry["backend"] == "onnx-cpu"}
    assert parts == {"encoder", "generator", "post-processing", "PNG", "end to end"}
    assert {(entry["part"], entry["over"]) for entry in result["ratios"] + result["no_ratio"]} == {
        (part, "torch") for part in ("encoder", "generator", "end to end")
    }
    assert all(peak["process"] > 2**20 for backend in result["backends"].values() for peak in backend["peak_memory"])


def test_tables_limit_and_cold_start(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    done = command(
        "pgbench", *QUICK, "--batch", "1,2", "--bundle", tiny_bundle, "--limit", "--cold", "--plot", tmp_path / "speed"
    )
    assert done.returncode == 0, done.stderr
    for words in ("batch 1,", "batch 2,", "p99", "post-processing", "CPUExecutionProvider", "Gop/s", "GB/s", "slowest"):
        assert words in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"speed.png"}


@pytest.mark.parametrize(("model", "part"), [("dcgan", "PNG"), ("stats", "end to end")])
def test_every_model_of_a_bundle_is_measured(command: Command, full_bundle: Path, model: str, part: str) -> None:
    vs = () if model == "stats" else ("--vs", "torch")
    done = command("pgbench", *QUICK, "--bundle", full_bundle, "--model", model, "--json", *vs)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert part in {entry["part"] for entry in result["measurements"]}
    assert all(backend["parity"]["generator"]["same"] for backend in result["backends"].values())


BAD_CALLS = [
    (["--vs", "toaster"], "toaster"),
    (["--vs", "onnx-cuda"], "onnx-cuda: device cuda"),
    (["--vs", "torch-cuda"], "torch-cuda"),
    (["--batch", "1,x"], "--batch"),
    (["--batch", "0"], "--batch"),
    (["--model", "nothing"], "model nothing"),
    (["--precision", "fp16"], "precision fp16"),
    (["--bundle", "nowhere"], "nowhere"),
    (["--out", "nowhere/x.json"], "nowhere/x.json"),
    (["--device", "engine"], "engine"),
    (["compare", "a.json", "b.json"], "a.json"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_CALLS)
def test_bad_input_is_one_line(inside: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = inside("pgbench", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert message in done.stderr


@pytest.mark.slow
def test_all_names_unavailable_backends(command: Command, peer_bundle: Path) -> None:
    done = command("pgbench", *QUICK, "--bundle", peer_bundle, "--vs", "all", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"torch", "torch-bf16", "torch-compile"} <= set(result["backends"])
    assert result["backends"]["torch-bf16"]["arithmetic"] == "bfloat16"
    assert result["backends"]["torch-bf16"]["parity"]["generator"]["psnr_db"] < 99, "bf16 really was bf16"
    assert set(result["backends"]) | set(result["unavailable"]) >= {*runtime_backends(), *TORCH}
    assert all(result["unavailable"].values()), "with a reason"
