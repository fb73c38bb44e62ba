"""A bundle's generator as a run, which is exported, and from which training starts."""

import json
from pathlib import Path

import pytest
import torch

from pgen.api import Generator
from pgen.bundle.reader import open_bundle
from pgexport.tracing.run_loader import AVERAGED
from pgtrain.engine import checkpoint
from pgtrain.engine.run import Run
from pokegan.image_metrics import premultiplied, psnr
from tests.conftest import TINY, Command

PROMPTS = ("redball", "bluewings", "a blue egg", "x")


@pytest.fixture(scope="module")
def unpacked(inside: Command, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unpacked") / "run"
    done = inside("pgexport", "unpack", tiny_bundle, "--out", out)
    assert (done.returncode, done.stdout) == (0, f"wrote {out}\n"), done.stderr
    return out


@pytest.mark.slow
def test_unpacked_run_exports_to_nearly_the_same_pictures(
    inside: Command, unpacked: Path, tiny_bundle: Path, tiny_run: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    # A bundle tells only the last part of an encoder's folder.
    done = inside("pgexport", unpacked, "--out", tmp_path / "again", cwd=tiny_encoder.parent)
    assert done.returncode == 0, done.stderr
    before, after = (Generator(open_bundle(folder), "cpu") for folder in (tiny_bundle, tmp_path / "again"))
    latent, text = before.draw(range(len(PROMPTS))), before.embed(PROMPTS)
    first, second = (
        premultiplied(generator.generate({"latent": latent, "text": text})) for generator in (before, after)
    )
    assert psnr(first - second) > 60
    assert psnr(first[0] - first[1]) < 50, "which different texts are not"
    ours, theirs = (json.loads((folder / "config.json").read_text()) for folder in (unpacked, tiny_run))
    assert ours["config"] | {"start": None} == theirs["config"]
    for name in ("system", "seed", "epochs"):
        assert ours[name] == theirs[name], name
    assert ours["data"].items() <= theirs["data"].items(), "data, its names among them, but not the folder"


def test_training_goes_on_from_a_bundle_without_reconstruction(
    inside: Command, unpacked: Path, tiny_bundle: Path, small_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    where = ("--data", small_data, "--encoder", tiny_encoder.name, "--out", tmp_path / "run")
    options = (*where, "--epochs", 2, "--start", tiny_bundle, *TINY)
    done = inside("pgtrain", "stackgan", *options, cwd=tiny_encoder.parent)
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / "run")
    assert [entry["phase"] for entry in run.metrics()] == ["stage I, adversarial", "stage II, adversarial"]
    theirs, ours = (checkpoint.read(folder / "checkpoint.safetensors")[0] for folder in (unpacked, run.folder))
    for name in [name for name in theirs if name.startswith(AVERAGED + "decoder.stage1.")]:
        anchored = name.replace(AVERAGED + "decoder.", "network.anchor.")
        assert torch.equal(ours[anchored], theirs[name]), f"{name}: is where the training started"
    table = "memory.table.shapes"
    assert torch.equal(ours["network.anchor.table.shapes"], theirs[AVERAGED + table])
    assert not torch.equal(ours[f"network.generator.{table}"], theirs[AVERAGED + table]), "and went on"
