"""The generator that reads codes of training pictures from a memory, in a bundle."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pgen.api import Generator
from pgen.bundle.reader import Bundle, open_bundle
from pgen.request import Request
from pgexport.tracing.run_loader import load_run
from pgtrain.models.memory import LATENT_DIM
from pokegan.image_metrics import premultiplied


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def test_memory_bundle_has_both_stages(bundle: Bundle) -> None:
    model = bundle.model("text-to-image")
    assert [(output.name, output.shape[1:]) for output in model.outputs] == [
        ("pictures", [128, 128, 4]),
        ("stage1", [64, 64, 4]),
    ]
    assert model.settings["latent_dim"] == LATENT_DIM
    assert model.provenance["run"]["config"]["generator"] == "memory"


def test_morph_interpolates_codes_from_one_picture_to_the_other(bundle: Bundle) -> None:
    generator = Generator(bundle, "cpu")
    frames = generator.morph("redball", "bluewings", 9, seed=3, to_seed=4)
    assert np.array_equal(frames[0], generator.images("redball", seed=3)[0])
    assert np.array_equal(frames[8], generator.images("bluewings", seed=4)[0])
    visible = premultiplied(frames).astype(float)
    moves = np.abs(visible[1:] - visible[:-1]).mean((1, 2, 3))
    assert moves.min() > 0
    assert moves.max() < 4 * moves.mean(), "no frame jumps"


def test_colors_are_taken_from_another_text(bundle: Bundle) -> None:
    generator = Generator(bundle, "cpu")
    plain, same, other = (
        generator.images("redball", 2, colors=colors) for colors in ("", "redball", "a blue egg of the sea")
    )
    assert np.array_equal(plain, same)
    assert not np.array_equal(plain, other)


def test_colored_pictures_do_not_depend_on_their_neighbors(bundle: Bundle) -> None:
    generator = Generator(bundle, "cpu")
    plain, colored = Request("redball", 1), Request("redball", 1, colors="a blue egg")
    together = generator.draw_batch([plain, colored])
    assert np.array_equal(together[0], generator.draw_batch([plain])[0])
    assert np.array_equal(together[1], generator.draw_batch([colored])[0])


def test_memory_run_that_stopped_in_stage_one_exports_stage_one(tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    path = copy / "config.json"
    described = json.loads(path.read_text())
    assert load_run(copy).generator.decoder.stage2 is not None
    described["config"]["stage1_epochs"] = 3  # as if the run of three epochs had stopped before stage II
    path.write_text(json.dumps(described))
    assert load_run(copy).generator.decoder.stage2 is None
