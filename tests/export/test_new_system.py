"""A new system is its own module and a row in the registry."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pgen.api import Generator
from pgexport.export import export_runs
from pgexport.peers.eager import rebuild
from pgtrain.engine.run import Run
from pgtrain.systems.registry import SYSTEMS, SystemEntry
from pgtrain.train import Request, train
from tests.export.toy_gan import ToyConfig

TOY = SystemEntry(
    summary="A toy.",
    config=ToyConfig,
    recipes={"default": {}},
    system="tests.export.toy_gan:ToyGAN",
    rebuild="tests.export.toy_gan:rebuild",
)


def test_registered_system_trains_exports_and_draws(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SYSTEMS, "toy", TOY)
    request = Request("toy", small_data, tmp_path / "run", 1, None, 0, "fp32", 60, False)
    train(request, ToyConfig())
    assert Run(tmp_path / "run").metrics()[0]["epoch"] == 1  # twelve pictures: two steps
    bundle = export_runs([tmp_path / "run"], tmp_path / "bundle", storage="float32")
    model = bundle.manifest.models["toy"]
    assert (model.kind, model.settings) == ("latent-to-image", {"latent_dim": 4})
    latent = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    pictures = Generator(bundle, "cpu").session(model).run(["pictures"], {"latent": latent})[0]
    assert pictures.shape == (3, 8, 8, 4)
    with torch.no_grad():
        expected = rebuild(bundle, model)(torch.from_numpy(latent))[0].numpy()
    assert np.abs(expected.astype(int) - pictures).max() <= 1
