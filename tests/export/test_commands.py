"""What the commands of pgexport print, write and refuse; in this process, so that PyTorch is imported once."""

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pgen.bundle.reader import EMBEDDED, describe, open_bundle
from pgexport.cli import main
from pgexport.errors import RunsInvalid
from pgexport.select_runs import newest_finished
from pgtrain.engine.run import CHECKPOINT, Run
from tests.conftest import disk_full
from tests.export.engines import add_engine


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="pgexport")


def refused(done: Result, message: str) -> None:
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert message in line


@pytest.fixture
def dcgan(system_runs: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(system_runs["dcgan"], tmp_path / "runs" / "dcgan"))


def edit(run: Path, **changes: object) -> None:
    path = run / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_default_command_needs_no_name(dcgan: Path, tmp_path: Path) -> None:
    out = tmp_path / "one's bundle"
    done = call(dcgan, "--out", out, "--storage", "float32")
    assert done.exit_code == 0, done.output
    assert shlex.split(done.output.partition("next: ")[2]) == ["pgexport", "inspect", str(out)]
    assert "extreme_psnr" in done.output
    assert "stopped" not in done.output
    assert open_bundle(out).manifest.models["dcgan"].precision == "float32"
    help_text = call("--help").output
    assert help_text.startswith("Usage: pgexport [OPTIONS] [RUN]...")
    for word in ("--storage", "--opset", "--add", "--force", "inspect", "verify", "diff"):
        assert word in help_text
    refused(call(dcgan), "--out DIR is missing")
    refused(call(dcgan, "--out", tmp_path / "c", "--opset", 99), "'--opset'")


def test_opset_that_not_all_read_is_warned_of(tmp_path: Path) -> None:
    late = "may not read it"
    warnings = {
        opset: call(tmp_path / "none", "--out", tmp_path / "b", "--opset", opset).stderr for opset in (21, 22, 25)
    }
    assert "warning" not in warnings[21]
    assert warnings[22].startswith(f"warning: --opset 22: ONNX Runtime 1.20 {late}\n")
    assert warnings[25].startswith(f"warning: --opset 25: ONNX Runtime 1.20 and TensorRT 10 {late}\n")


def test_without_runs_the_newest_finished_of_each_system_are_taken(
    system_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stats", "old", "stopped", "broken", "strange", "torn"):
        shutil.copytree(system_runs["stats"], tmp_path / "runs" / name)
    shutil.copy(tmp_path / "runs/old" / CHECKPOINT, tmp_path / "new")
    (tmp_path / "new").replace(tmp_path / "runs/stats" / CHECKPOINT)
    edit(tmp_path / "runs/stopped", epochs=9)
    (tmp_path / "runs/broken/config.json").write_text("{")
    edit(tmp_path / "runs/strange", system=["stats"])
    (tmp_path / "runs/torn/metrics.jsonl").write_text("{\n")
    shutil.copytree(system_runs["dcgan"], tmp_path / "runs" / "dcgan")
    monkeypatch.chdir(tmp_path)
    assert [run.name for run in newest_finished()] == ["dcgan", "stats"]
    with Run(tmp_path / "runs/stats").training():
        assert [run.name for run in newest_finished()] == ["dcgan", "old"]
    done = call("--out", "b")
    assert done.exit_code == 0, done.output
    assert "exporting runs/dcgan, runs/stats" in done.output
    assert set(open_bundle(tmp_path / "b").manifest.models) == {"dcgan", "stats"}


def test_command_line_adds_its_options_to_errors(dcgan: Path, tiny_bundle: Path) -> None:
    refused(call(dcgan, "--out", tiny_bundle), "replace the bundle by force (--force)")


def test_no_finished_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RunsInvalid, match="name a run"):
        newest_finished(tmp_path)


def test_two_runs_of_one_system_are_rejected(system_runs: dict[str, Path], dcgan: Path, tmp_path: Path) -> None:
    refused(call(dcgan, system_runs["dcgan"], "--out", tmp_path / "b"), "both runs of dcgan")
    assert not (tmp_path / "b").exists()


def test_adding_to_a_bundle(system_runs: dict[str, Path], dcgan: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    refused(call(dcgan, "--out", out, "--add"), "manifest.json: not found")
    assert call(dcgan, "--out", out).exit_code == 0
    before = open_bundle(out)
    assert call(system_runs["stats"], "--out", out, "--add").exit_code == 0
    both = open_bundle(out)
    assert list(both.manifest.models) == ["dcgan", "stats"]
    assert both.manifest.models["dcgan"] == before.manifest.models["dcgan"]
    refused(
        call(system_runs["stats"], "--out", out, "--add"),
        "already has stats; choose another folder, or force the replacement",
    )
    edit(dcgan, seed=77)
    assert call(dcgan, "--out", out, "--add", "--force").exit_code == 0
    models = open_bundle(out).manifest.models
    assert list(models) == ["dcgan", "stats"], "one that is replaced keeps its place"
    assert models["dcgan"].provenance["run"]["seed"] == 77
    assert models["stats"] == both.manifest.models["stats"]
    content = (out / "stats.onnx").read_bytes()
    (out / "stats.onnx").write_bytes(content[:-1])
    refused(call(dcgan, "--out", out, "--add", "--force"), "stats.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"b", "runs"}


def test_add_keeps_only_files_of_the_manifest_and_engines(
    system_runs: dict[str, Path], dcgan: Path, tmp_path: Path
) -> None:
    out, secret = tmp_path / "b", tmp_path / "secret"
    assert call(dcgan, system_runs["wgan"], "--out", out).exit_code == 0
    for name in ("dcgan", "wgan"):
        add_engine(out, name)
    secret.mkdir()
    (secret / "key").write_text("secret")
    (out / "notes.txt").write_text("private")
    (out / "secret.txt").symlink_to(secret / "key")
    (out / "folder").symlink_to(secret)
    (out / "stats.onnx").symlink_to(secret / "key")  # a place that is written to
    (out / "wgan.onnx").rename(secret / "wgan.onnx")
    (out / "wgan.onnx").symlink_to(secret / "wgan.onnx")  # as installers do
    (out / "engines" / "wgan.json").rename(secret / "wgan.json")
    (out / "engines" / "wgan.json").symlink_to(secret / "wgan.json")
    assert call(dcgan, system_runs["stats"], "--out", out, "--add", "--force").exit_code == 0
    files = {"dcgan.onnx", "wgan.onnx", "stats.onnx"}
    assert set(open_bundle(out).manifest.files) == files
    assert {path.name for path in out.iterdir()} == files | {"manifest.json", "engines"}
    assert not any(path.is_symlink() for path in out.iterdir())
    assert {path.name for path in (out / "engines").iterdir()} == {"wgan.plan", "wgan.json"}
    assert (out / "engines" / "wgan.json").is_symlink()
    assert (secret / "key").read_text() == "secret"
    assert call("verify", out).exit_code == 0


def test_picture_command_on_a_bundle_of_others_is_reported(dcgan: Path, tmp_path: Path) -> None:
    from pgen.cli import main as pgen

    assert call(dcgan, "--out", tmp_path / "b").exit_code == 0
    arguments = ["image", "redball", "--bundle", str(tmp_path / "b"), "--out", str(tmp_path / "x.png")]
    refused(CliRunner().invoke(pgen, arguments), "has no text-to-image model (it holds dcgan)")


def with_nan(run: Path) -> None:
    tensors = load_file(run / CHECKPOINT)
    with safe_open(run / CHECKPOINT, framework="pt") as file:
        metadata = file.metadata()
    name = next(name for name in tensors if name.startswith("network.average.module") and name.endswith("weight"))
    tensors[name].view(-1)[3] = float("nan")
    save_file(tensors, run / CHECKPOINT, metadata)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "NaN": (with_nan, "hold NaN or infinity"),
    "another system": (lambda run: edit(run, system="wgan"), "not a configuration of this version"),
    "no word for a system": (lambda run: edit(run, system=["x"]), "config.json: damaged (system is ['x']"),
    "no data": (lambda run: edit(run, data=[]), "config.json: damaged"),
    "a broken line of metrics": (
        lambda run: (run / "metrics.jsonl").write_text('{"epoch": 1, "phase": "a"}\n{"epoch": \n'),
        "metrics.jsonl, line 2: damaged",
    ),
    "metrics without an epoch": (
        lambda run: (run / "metrics.jsonl").write_bytes(b"[1]\n"),
        "metrics.jsonl, line 1: damaged",
    ),
    "no known system": (lambda run: edit(run, system="vae"), "'vae'"),
    "another version": (
        lambda run: edit(run, config=json.loads((run / "config.json").read_text())["config"] | {"width": 8}),
        "of another system or version",
    ),
    "no checkpoint": (lambda run: (run / CHECKPOINT).unlink(), "no checkpoint there"),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_bad_run_is_one_line(dcgan: Path, tmp_path: Path, fault: str) -> None:
    spoil, message = SPOILED[fault]
    spoil(dcgan)
    refused(call(dcgan, "--out", tmp_path / "b"), message)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_checkpoint_of_another_system_is_one_line(system_runs: dict[str, Path], dcgan: Path, tmp_path: Path) -> None:
    shutil.copy(system_runs["wgan"] / CHECKPOINT, dcgan / CHECKPOINT)
    refused(call(dcgan, "--out", tmp_path / "b"), "of another system or version")


def test_running_training_is_rejected_and_a_stopped_one_reported(dcgan: Path, tmp_path: Path) -> None:
    with Run(dcgan).training():
        refused(call(dcgan, "--out", tmp_path / "b"), "is being trained by another process")
    assert not (tmp_path / "b").exists()
    edit(dcgan, epochs=9)
    done = call(dcgan, "--out", tmp_path / "b")
    assert done.exit_code == 0
    assert "note: dcgan is of a run stopped after 2 of 9 epochs" in done.output


@pytest.mark.parametrize("writer", ["onnx.save", "pathlib.Path.write_text"])
def test_full_disk_leaves_nothing(dcgan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    monkeypatch.setattr(writer, disk_full)
    refused(call(dcgan, "--out", tmp_path / "b"), "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_sigterm_leaves_nothing(dcgan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*arguments: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2, "the hidden folder"
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("onnx.save", ended)
    assert call(dcgan, "--out", tmp_path / "b").exit_code == 143
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that even root cannot write to")
def test_target_that_cannot_be_written(dcgan: Path, tmp_path: Path) -> None:
    refused(call(dcgan, "--out", "/proc/b"), "/proc/b: cannot be written")
    refused(call(dcgan, "--out", tmp_path / "none" / "b"), "no such folder")


def test_inspect(full_bundle: Path) -> None:
    done = call("inspect", full_bundle)
    assert done.exit_code == 0
    for document in (
        "stats: stats",
        "stackgan: text-to-image",
        "latent float32 (batch, 8)",
        "after 2 of 2 epochs",
        "psnr",
    ):
        assert document in done.output
    document = json.loads(call("inspect", full_bundle, "--json").output)
    assert set(document["models"]) == {"encoder", "stackgan", "dcgan", "wgan", "stats"}
    assert document["models"]["wgan"]["outputs"] == ["pictures uint8 (batch, 32, 32, 4)"]
    assert document["digest"] == open_bundle(full_bundle).digest
    assert "1049 examples" in call("inspect", EMBEDDED).output
    refused(call("inspect", full_bundle / "none"), "manifest.json: not found")


def test_verify_repeats_checksums_and_parity(
    dcgan: Path, system_runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b"
    assert call(dcgan, system_runs["stats"], "--out", out).exit_code == 0
    done = call("verify", out)
    assert done.exit_code == 0, done.output
    assert "dcgan: graph is valid, parity not repeated" in done.output
    done = call("verify", out, "--run", dcgan, "--run", system_runs["stats"])
    assert done.exit_code == 0, done.output
    assert "stats: graph is valid, parity holds" in done.output
    verify_finds_the_run_itself(out, tmp_path, monkeypatch)
    refused(call("verify", out, "--run", system_runs["wgan"]), "has no model")
    tensors = load_file(dcgan / CHECKPOINT)
    with safe_open(dcgan / CHECKPOINT, framework="pt") as file:
        metadata = file.metadata()
    changed = {name: value * 2 if value.is_floating_point() else value for name, value in tensors.items()}
    save_file(changed, dcgan / CHECKPOINT, metadata)
    done = call("verify", out, "--run", dcgan)
    refused(done, "parity (compact)")
    assert "; first diverging node: generator." in done.stderr
    assert "bundle was written" not in done.stderr
    edit(dcgan, seed=5)
    refused(call("verify", out, "--run", dcgan), "is not the run")
    (out / "dcgan.onnx").write_bytes((out / "dcgan.onnx").read_bytes()[:-1])
    refused(call("verify", out), "dcgan.onnx")


def verify_finds_the_run_itself(bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run, dcgan, lies under runs/; beside it others and broken ones."""
    for number, changes in enumerate(({"seed": 5}, {"data": []}, {"config": {}}, {"system": "wgan"}, {})):
        copy = Path(shutil.copytree(folder / "runs" / "dcgan", folder / "runs" / f"a{number}"))
        edit(copy, **changes)
    (copy / CHECKPOINT).write_bytes(b"cut")
    assert "parity not repeated (give its --run)" in call("verify", bundle).output
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        done = call("verify", bundle)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("comparing with runs/dcgan, from which it was exported\n")
    assert "dcgan: graph is valid, parity holds" in done.output
    assert "stats: graph is valid, parity not repeated" in done.output


def test_verify_repeats_the_parity_of_text(tiny_bundle: Path, tiny_run: Path, tmp_path: Path) -> None:
    done = call("verify", tiny_bundle, "--run", tiny_run)
    assert done.exit_code == 0, done.output
    assert "text_psnr" in done.output
    assert "names_cosine" in done.output
    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "b"))
    np.save(copy / "names.npy", -np.load(copy / "names.npy"))
    values = json.loads((copy / "manifest.json").read_text())
    values["files"]["names.npy"] = vars(describe(copy / "names.npy"))
    (copy / "manifest.json").write_text(json.dumps(values))
    refused(call("verify", copy, "--run", tiny_run), "encoder: parity (compact): names_cosine is -")
    del values["models"]["encoder"]
    (copy / "manifest.json").write_text(json.dumps(values))
    refused(call("verify", copy, "--run", tiny_run), "has no encoder; export it again")


def test_engines_are_reported_and_checked(dcgan: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    assert call(dcgan, "--out", out).exit_code == 0
    assert json.loads(call("inspect", out, "--json").output)["engines"] == {}
    add_engine(out, "dcgan")
    done = call("inspect", out)
    assert done.exit_code == 0, done.output
    for document in (
        "engines/dcgan.plan",
        "TensorRT 10.16.1.11, a GPU (9.0)",
        "latent 1x16 to 4x16 to 24x16",
        "that is here",
    ):
        assert document in done.output
    done = call("verify", out)
    assert done.exit_code == 0, done.output
    assert "engines/dcgan.plan: matches its sidecar and dcgan.onnx" in done.output
    add_engine(out, "dcgan", onnx_sha256="0")
    document = json.loads(call("inspect", out, "--json").output)["engines"]["dcgan"]
    assert document["tensorrt"] == "10.16.1.11"
    assert "built from another dcgan.onnx; build the engine again" in document["wrong"]
    refused(call("verify", out), "built from another dcgan.onnx")
    add_engine(out, "dcgan", plan_sha256="0")
    refused(call("verify", out), "not the engine that dcgan.json describes")
    (out / "engines" / "dcgan.json").unlink()
    refused(call("verify", out), "dcgan.json: not found; build the engine (pgexport ")
    add_engine(out, "dcgan")
    (out / "engines" / "dcgan.plan").rename(out / "engines" / "other.plan")
    (out / "engines" / "dcgan.json").rename(out / "engines" / "other.json")
    refused(call("verify", out), "has no model 'other'")
    assert "has no model 'other'" in call("inspect", out).output.replace("\n", " ")


@pytest.mark.parametrize(
    ("place", "fact"),
    [
        (("settings", "latent_dim"), "settings latent_dim"),
        (("file",), "file"),
        (("parity", "storage"), "parity storage"),
        (("parity", "batches"), "parity batches"),
        (("parity", "figures", "psnr", "limit"), "parity psnr limit"),
        (("provenance", "export", "versions", "onnx"), "export versions onnx"),
        (("provenance", "metrics", "critic"), "metrics critic"),
        (("provenance", "evaluation", "fid"), "evaluation fid"),
    ],
)
def test_every_fact_of_a_model_counts_in_diff(tmp_path: Path, place: tuple[str, ...], fact: str) -> None:
    values = json.loads((EMBEDDED / "manifest.json").read_text("utf-8"))
    around = values["models"]["dcgan"]
    for key in place[:-1]:
        around = around[key]
    changed = {"file": "stats.onnx", "batches": [1]}.get(place[-1], 7 if isinstance(around[place[-1]], float) else "7")
    around[place[-1]] = 7 if isinstance(around[place[-1]], int) else changed
    (tmp_path / "manifest.json").write_text(json.dumps(values), "utf-8")
    done = call("diff", EMBEDDED, tmp_path, "--json")
    assert done.exit_code == 1, done.output
    assert fact in json.loads(done.output)["dcgan"]
    assert isinstance(call("diff", EMBEDDED, tmp_path).exception, SystemExit), "no traceback"


def test_diff_compares_what_lies_in_the_folders(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(EMBEDDED, other)
    assert call("diff", EMBEDDED, other).exit_code == 0
    content = bytearray((other / "names.npy").read_bytes())
    content[-1] ^= 1
    (other / "names.npy").write_bytes(content)
    (other / "stats.onnx").unlink()
    (other / "extra").touch()
    done = call("diff", EMBEDDED, other, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout).keys() == {"contents"}
    assert json.loads(done.stdout)["contents"].keys() == {"names.npy", "stats.onnx", "extra"}
    assert json.loads(done.stdout)["contents"]["stats.onnx"] == [None, "missing"]


def test_diff(dcgan: Path, system_runs: dict[str, Path], full_bundle: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    assert call(dcgan, "--out", one, "--storage", "float32").exit_code == 0
    shutil.copytree(one, other)
    done = call("diff", one, other)
    assert (done.exit_code, done.output) == (0, "the bundles are equal\n")
    assert call(system_runs["stats"], "--out", other, "--add").exit_code == 0
    done = call("diff", one, other, "--json")
    assert done.exit_code == 1
    assert set(json.loads(done.output)) == {"stats"}
    done = call("diff", one, full_bundle)
    assert done.exit_code == 1
    for part in ("precision", "encoder", "tokenizer.json"):
        assert part in done.output
