"""Pictures through OpenVINO: the same for every batch and thread count, and within the manifest's tolerances."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import pgen
from pgen.bundle import EMBEDDED
from pgen.devices.openvino import computes_bf16
from pgen.devices.openvino_session import open_openvino
from pgen.devices.parity import compare
from pgen.devices.tolerance import limits
from pgen.errors import DeviceUnavailable
from pgen.session import open_model
from pokegan.errors import MissingExtra

PROMPTS = ["Charizard", "a green egg", "Mew"]


@pytest.mark.parametrize("device", ["openvino", "openvino-f32"])
def test_a_picture_depends_on_its_request_alone(device: str) -> None:
    pytest.importorskip("openvino")
    generator = pgen.load(device=device)
    together = generator.images(PROMPTS, n=2)
    assert np.array_equal(generator.images(PROMPTS, n=2, batch=1), together)
    assert np.array_equal(generator.images(PROMPTS, n=2, batch=4), together)
    assert np.array_equal(pgen.load(device=device, threads=1).images(PROMPTS, n=2), together)


@pytest.mark.parametrize("device", ["openvino", "openvino-f32"])
def test_the_embedded_bundle_is_drawn_within_its_own_tolerances(device: str) -> None:
    pytest.importorskip("openvino")
    bundle = pgen.open_bundle(EMBEDDED)
    model = bundle.model("text-to-image")
    assert set(limits(model)) >= {"worst", "most", "psnr"}
    figures = compare(bundle, model, bundle.graph(model), open_openvino(bundle, model, device))
    assert figures.within(limits(model)), figures


def test_a_manifest_that_bf16_cannot_keep_is_drawn_in_float32(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    if not computes_bf16():
        pytest.skip("this CPU has no bf16")
    shutil.copytree(EMBEDDED, tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    for most, precision in ((255, "bf16"), (0.5, "f32")):
        manifest["models"]["stackgan"]["parity"] = {
            "figures": {"most": {"measured": 0, "limit": most}, "psnr": {"measured": 0, "limit": None}}
        }
        (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
        bundle = pgen.open_bundle(tmp_path / "b")
        assert open_openvino(bundle, bundle.model("text-to-image")).precision == precision


def test_encoders_and_stats_stay_in_onnx_runtime(full_bundle: Path) -> None:
    pytest.importorskip("openvino")
    bundle = pgen.open_bundle(full_bundle)
    providers = {name: open_model(bundle, model, "openvino").get_providers() for name, model in models(bundle)}
    assert providers["encoder"] == providers["stats"] == ["CPUExecutionProvider"]
    for name in ("dcgan", "wgan", "stackgan"):
        assert providers[name][0].startswith("OpenVINO")


def models(bundle: pgen.Bundle) -> list[tuple[str, pgen.bundle.Model]]:
    return list(bundle.manifest.models.items())


def test_without_openvino_the_pip_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises((MissingExtra, DeviceUnavailable), match=r"openvino is not installed.*pokegan\[openvino\]"):
        pgen.load(device="openvino").images(PROMPTS)
