"""The generator that reads codes of training pictures from a memory, in a bundle."""

import json
import shutil
from pathlib import Path

import pytest

from pgen.bundle.reader import Bundle, open_bundle
from pgexport.tracing.run_loader import load_run
from pgtrain.models.memory import CodeSize


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


def test_memory_run_that_stopped_in_stage_one_exports_stage_one(tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    path = copy / "config.json"
    described = json.loads(path.read_text())
    assert load_run(copy).generator.decoder.stage2 is not None
    described["config"]["stage1_pretrain"] = 3  # as if the run of three epochs had stopped before stage II
    path.write_text(json.dumps(described))
    assert load_run(copy).generator.decoder.stage2 is None
