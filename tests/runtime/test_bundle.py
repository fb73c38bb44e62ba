import json
import shutil
from pathlib import Path

import pytest

from pgen.bundle import EMBEDDED, open_bundle
from pgen.errors import BundleInvalid, BundleNotFound, DeviceUnavailable
from pgen.images import load
from pokegan.errors import PokeganError


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


FILES = ["stackgan.onnx", "encoder.onnx", "tokenizer.json", "names.json", "names.npy"]


def use_all(folder: Path) -> None:
    load(folder, "cpu").images(["redball", "a text that no bundle stores"])


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleInvalid, match=rf"{name}: damaged"):
        use_all(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_found(bundle: Path, name: str) -> None:
    (bundle / name).write_bytes((bundle / name).read_bytes()[:-1])
    with pytest.raises(BundleInvalid, match=rf"{name}: \d+ bytes where the manifest says"):
        use_all(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleNotFound, match=name):
        use_all(bundle)


def test_a_newer_format_says_how_to_upgrade(bundle: Path) -> None:
    values = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(values | {"format": 99, "unknown": {}}))
    with pytest.raises(BundleInvalid, match=r"format 99.*pip install -U"):
        open_bundle(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": "x", "models": 3}', "null"])
def test_a_damaged_manifest_is_told_in_one_line(bundle: Path, content: str) -> None:
    (bundle / "manifest.json").write_text(content)
    with pytest.raises(BundleInvalid, match=r"manifest\.json: damaged") as refused:
        open_bundle(bundle)
    assert "\n" not in refused.value.message


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match="made by pgexport"):
        open_bundle(tmp_path)


def test_a_device_that_is_not_there_is_an_error(tiny_bundle: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(DeviceUnavailable, match="cuda"):
        load(tiny_bundle, "cuda").images(["redball"])
    assert load(tiny_bundle, "auto").providers() == ["CPUExecutionProvider"]


def test_a_provider_that_fails_to_start_is_an_error(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the GPU build does on a machine without a GPU: it lists CUDA, and then runs on the CPU in silence.
    monkeypatch.setitem(__import__("pgen.session").session.PROVIDERS, "cuda", ["AzureExecutionProvider"])
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["AzureExecutionProvider"])
    real = __import__("onnxruntime").InferenceSession
    monkeypatch.setattr(
        "onnxruntime.InferenceSession", lambda model, options, providers, **_: real(model, options, providers[-1:])
    )
    with pytest.raises(DeviceUnavailable, match="could not start"):
        load(tiny_bundle, "cuda").images(["redball"])


def test_the_embedded_bundle() -> None:
    bundle = open_bundle(EMBEDDED)
    sizes = [entry.bytes for entry in bundle.manifest.files.values()]
    assert sum(sizes) + (EMBEDDED / "manifest.json").stat().st_size <= 40e6
    for name in bundle.manifest.files:
        bundle.read(name)
    assert bundle.known_names["charizard"] >= 0
    run = bundle.manifest.provenance["run"]
    assert run["data"]["pictures"] == 1049
    assert run["system"] == "stackgan"


def test_errors_share_one_root() -> None:
    for error in (BundleInvalid, BundleNotFound, DeviceUnavailable):
        assert issubclass(error, PokeganError)
        assert error("x").exit_code == 2
