import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pgen.api import load
from pgen.backends.registry import DEVICES
from pgen.bundle.reader import EMBEDDED, describe, open_bundle
from pgen.errors import BundleInvalid, BundleNotFound, DeviceUnavailable
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


@pytest.mark.parametrize("content", [b"Mew", b'{"Mew": 1}', b"[1]", b"\xff", b"[" * 100_000])
def test_invalid_list_of_names_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "names.json").write_bytes(content)
    values = json.loads((bundle / "manifest.json").read_text())
    values["files"]["names.json"] = vars(describe(bundle / "names.json"))
    (bundle / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(
        BundleInvalid, match=r"names\.json: must be a list of names .*; export the bundle again"
    ) as refused:
        use_all(bundle)
    assert refused.value.code == "bundle_invalid"


def test_newer_format_says_how_to_upgrade(bundle: Path) -> None:
    values = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(values | {"format": 99, "unknown": {}}))
    with pytest.raises(BundleInvalid, match=r"format 99.*pip install -U pokegan"):
        open_bundle(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 2}', '{"format": "x", "models": 3}', "null"])
def test_damaged_manifest_is_refused_in_one_line(bundle: Path, content: str) -> None:
    (bundle / "manifest.json").write_text(content)
    with pytest.raises(BundleInvalid, match=r"manifest\.json: damaged") as refused:
        open_bundle(bundle)
    assert "\n" not in refused.value.message


PLACES = ["/etc/passwd", "../secret", "a/../../secret", "a\\..\\secret", "C:secret", "./encoder.onnx", "a//b", ""]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("part", ["models", "files"])
def test_paths_do_not_leave_the_bundle(bundle: Path, place: str, part: str) -> None:
    path = bundle / "manifest.json"
    values = json.loads(path.read_text())
    if part == "files":
        values["files"][place] = {"bytes": 1, "sha256": "0" * 64}
    else:
        values["models"]["stackgan"]["file"] = place
    path.write_text(json.dumps(values))
    with pytest.raises(BundleInvalid, match="not a path inside the bundle"):
        open_bundle(bundle)


def test_sizes_are_bounded_before_anything_is_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_bundle(bundle)
    with (bundle / "stackgan.onnx").open("r+b") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(BundleInvalid, match="bytes where the manifest says"):
        opened.read("stackgan.onnx")
    path = bundle / "manifest.json"
    values = json.loads(path.read_text())
    values["files"]["stackgan.onnx"]["bytes"] = 2**40
    path.write_text(json.dumps(values))
    with pytest.raises(BundleInvalid, match=r"damaged .*must be from 0 to 2147483648"):
        open_bundle(bundle)
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(BundleInvalid, match="larger than"):
        open_bundle(bundle)


def test_a_manifest_nested_without_end_is_damaged(bundle: Path) -> None:
    (bundle / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(BundleInvalid, match="damaged"):
        open_bundle(bundle)


def test_format_that_no_release_wrote_is_refused(bundle: Path) -> None:
    path = bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with pytest.raises(BundleInvalid, match="format 1, but this version reads format 2; export the bundle again"):
        open_bundle(bundle)


def test_unknown_fields_are_ignored(bundle: Path) -> None:
    path = bundle / "manifest.json"
    values = json.loads(path.read_text())
    for place in (
        values,
        *values["models"].values(),
        *values["files"].values(),
        values["models"]["stackgan"]["inputs"][0],
    ):
        place["added_later"] = {"by": ["a", "release"]}
    path.write_text(json.dumps(values))
    use_all(bundle)
    assert "added_later" not in open_bundle(bundle).manifest.to_json()


def test_manifest_is_written_as_it_is_read() -> None:
    content = (EMBEDDED / "manifest.json").read_text("utf-8")
    assert open_bundle(EMBEDDED).manifest.to_json() == content


def test_text_to_picture_is_found_among_many_models(full_bundle: Path) -> None:
    pipeline = load(full_bundle, "cpu")
    assert pipeline.model.file == "stackgan.onnx"
    assert pipeline.images(["redball"]).shape == (1, 128, 128, 4)


def test_a_bundle_without_text_to_picture_says_what_it_holds(bundle: Path) -> None:
    path = bundle / "manifest.json"
    values = json.loads(path.read_text())
    del values["models"]["stackgan"]
    path.write_text(json.dumps(values))
    with pytest.raises(
        BundleNotFound, match=r"no text-to-image model \(it holds encoder\); export one into it"
    ) as refused:
        load(bundle).images(["redball"])
    assert "\n" not in refused.value.message


def test_missing_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match="choose the folder of an exported bundle"):
        open_bundle(tmp_path)


def test_missing_device_is_an_error(tiny_bundle: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(DeviceUnavailable, match="cuda"):
        load(tiny_bundle, "cuda").images(["redball"])
    assert load(tiny_bundle, "auto").providers()[0].startswith(("CPU", "OpenVINO")), "only auto chooses"


def test_a_provider_that_fails_to_start_is_an_error(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the GPU build does on a machine without a GPU: it lists CUDA, and then runs on the CPU in silence.
    monkeypatch.setitem(DEVICES, "cuda", replace(DEVICES["cuda"], providers=("AzureExecutionProvider",)))
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
    assert sum(sizes) + (EMBEDDED / "manifest.json").stat().st_size <= 40 * 2**20
    for name in bundle.manifest.files:
        bundle.read(name)
    assert bundle.known_names["charizard"] >= 0
    assert set(bundle.manifest.models) == {"encoder", "stackgan", "dcgan", "wgan", "stats"}, "every system"
    run = bundle.model("text-to-image").provenance["run"]
    assert run["data"]["examples"] == 1731
    assert run["system"] == "stackgan"


def test_errors_share_one_root() -> None:
    for error in (BundleInvalid, BundleNotFound, DeviceUnavailable):
        assert issubclass(error, PokeganError)
        assert error("x").message == str(error("x")) == "x"
    assert BundleNotFound.code == "bundle_not_found"
