"""The generator that reads codes of training pictures from a memory, in a bundle."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pgen.api import Generator
from pgen.bundle.reader import Bundle, open_bundle
from pgexport.export import export_run
from pgexport.peers import cold_start
from pgexport.peers.eager import rebuild
from pgexport.tracing.run_loader import load_run
from pgtrain.models.memory import CodeSize
from pgtrain.models.text_encoder import load_encoder
from tests.conftest import Command


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def test_memory_bundle_has_both_stages(bundle: Bundle) -> None:
    model = bundle.model("text-to-image")
    assert [(output.name, output.shape[1:]) for output in model.outputs] == [
        ("pictures", [128, 128, 4]),
        ("stage1", [64, 64, 4]),
    ]
    assert model.settings["latent_dim"] == CodeSize().latent_dim
    assert model.provenance["run"]["config"]["generator"] == "memory"


def test_memory_bundle_draws_as_pytorch(bundle: Bundle) -> None:
    generator, network = Generator(bundle, "cpu"), rebuild(bundle, bundle.model("text-to-image"))
    latent, text = generator.draw(range(3)), generator.embed(["redball", "a blue egg", "x"])
    with torch.no_grad():
        expected = network(torch.from_numpy(latent), torch.from_numpy(text))[0].numpy()
    assert np.percentile(np.abs(expected.astype(int) - generator.generate(latent, text)), 99.9) <= 1


def test_memory_run_that_stopped_in_stage_one_exports_stage_one(tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    path = copy / "config.json"
    described = json.loads(path.read_text())
    assert load_run(copy).generator.decoder.stage2 is not None
    described["config"]["stage1_pretrain"] = 3  # as if the run of three epochs had stopped before stage II
    path.write_text(json.dumps(described))
    assert load_run(copy).generator.decoder.stage2 is None


def test_cold_start_peer_draws_memory_picture(
    bundle: Bundle, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(str(tiny_encoder))
    monkeypatch.setattr("pgtrain.models.text_encoder.load_encoder", lambda name: encoder)
    cold_start.prepare(tmp_path, bundle.folder, "stackgan", "an egg")
    cold_start.draw(tmp_path, tmp_path / "out.png", "torch", "an egg")
    assert (tmp_path / "out.png").is_file()


@pytest.mark.parametrize("storage", ["fp16", "int8"])
def test_memory_run_exports_in_other_precisions(tiny_run: Path, tmp_path: Path, storage: str) -> None:
    exported = export_run(tiny_run, tmp_path / "bundle", storage)
    assert exported.model("text-to-image").parity["figures"]["psnr"]["measured"] > 38


def test_memory_run_is_evaluated(command: Command, tiny_run: Path, small_data: Path, tmp_path: Path) -> None:
    judged = ("--features", "artwork", "--samples", "12", "--out", tmp_path)
    done = command("pgtrain", "evaluate", tiny_run, "--data", small_data, *judged)
    assert done.returncode == 0, done.stderr
