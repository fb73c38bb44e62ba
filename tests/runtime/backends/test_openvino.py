"""Pictures through OpenVINO: the same for every batch and thread count, and within the tolerances."""

from pathlib import Path

import numpy as np
import pytest

import pgen
from pgen.backends.devices import open_model
from pgen.backends.openvino.probe import computes_bf16
from pgen.backends.openvino.session import open_openvino
from pgen.backends.parity import BF16, compare, limits
from pgen.bundle.reader import EMBEDDED
from pgen.errors import DeviceUnavailable
from pokegan.errors import MissingExtra
from tests.runtime.test_processes import check_fork

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
def test_the_embedded_bundle_is_drawn_within_the_tolerances(device: str) -> None:
    pytest.importorskip("openvino")
    bundle = pgen.open_bundle(EMBEDDED)
    model = bundle.model("text-to-image")
    assert set(limits(model)) >= {"worst", "most", "psnr"}
    session = open_openvino(bundle, model, device)
    assert (session.precision == "bf16") == (device == "openvino" and computes_bf16())
    figures = compare(bundle, model, bundle.graph(model), session)
    assert figures.within(limits(model, session.precision)), figures


def test_inaccurate_bf16_falls_back_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    if not computes_bf16():
        pytest.skip("this CPU has no bf16")
    bundle = pgen.open_bundle(EMBEDDED)
    for most, precision in ((255.0, "bf16"), (0.5, "f32")):
        monkeypatch.setitem(BF16, "most", most)
        assert open_openvino(bundle, bundle.model("text-to-image")).precision == precision


def test_encoders_and_stats_stay_in_onnx_runtime(full_bundle: Path) -> None:
    pytest.importorskip("openvino")
    bundle = pgen.open_bundle(full_bundle)
    providers = {name: open_model(bundle, model, "openvino").get_providers() for name, model in models(bundle)}
    assert providers["encoder"] == providers["stats"] == ["CPUExecutionProvider"]
    for name in ("dcgan", "wgan", "stackgan"):
        assert providers[name][0].startswith("OpenVINO")


def test_pictures_are_drawn_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    expected = pgen.load(device="openvino").images("Mew")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert np.array_equal(pgen.load(device="openvino").images("Mew"), expected)


def test_forked_process_draws_with_a_used_generator() -> None:
    pytest.importorskip("openvino")
    check_fork("openvino")


def models(bundle: pgen.Bundle) -> list[tuple[str, pgen.bundle.reader.Model]]:
    return list(bundle.manifest.models.items())


def test_missing_openvino_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises((MissingExtra, DeviceUnavailable), match=r"openvino is not installed.*pokegan\[openvino\]"):
        pgen.load(device="openvino").images(PROMPTS)
