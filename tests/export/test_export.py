import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

from pgen.api import Generator
from pgen.bundle.reader import open_bundle
from pgexport.errors import TargetInvalid
from pgexport.export import export_runs
from pgexport.peers.eager import rebuild
from pgexport.precision.compress import Int8, compress, weights
from pgexport.tracing.freeze import freeze
from pgexport.tracing.graphs import TextPictures, to_pixels
from pgexport.tracing.run_loader import load_run
from pgexport.tracing.specs import model_specs
from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid, RunNotFound
from pgtrain.models.text_encoder import embed, load_encoder
from pgtrain.systems.stackgan.config import RECIPES, StackGANConfig
from pgtrain.train import Request, train
from tests.conftest import TINY, Command

BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


def test_pixels_round_and_hide_the_invisible() -> None:
    logits = torch.tensor([[20.0, -20.0, 0.0, 20.0], [20.0, 20.0, 20.0, -20.0]]).reshape(2, 4, 1, 1)
    assert to_pixels(logits).reshape(2, 4).tolist() == [[255, 0, 128, 255], [0, 0, 0, 0]]


def test_folding_batch_norm_changes_nothing(tiny_run: Path, tiny_encoder: Path) -> None:
    run = load_run(tiny_run)
    network = TextPictures(run.generator).eval()
    text = embed(load_encoder(str(tiny_encoder)), ["redball", "an egg", "bluewings", "unseen"])
    latent = torch.randn(4, run.latent_dim)
    with torch.no_grad():
        before = network(latent, text)[0].int()
        freeze(network)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
        assert (network(latent, text)[0].int() - before).abs().max() <= 1


def test_compressed_weights_are_close_and_smaller(
    monkeypatch: pytest.MonkeyPatch, tiny_run: Path, tiny_encoder: Path
) -> None:
    monkeypatch.setattr("pgexport.precision.compress.SMALLEST", 500)
    _, spec = model_specs(load_run(tiny_run), load_encoder(str(tiny_encoder)))
    graph = spec.export(18)
    compact = compress(graph, Int8(2000, 32))
    assert compact.ByteSize() < 0.75 * graph.ByteSize()
    assert {node.domain for node in compact.graph.node} == {""}, "only plain operators"
    stored = weights(compact)
    for initializer in graph.graph.initializer:
        original = numpy_helper.to_array(initializer)
        if original.dtype == np.float32:
            assert np.abs(stored[initializer.name] - original).max() <= np.abs(original).max() / 200


def test_bundle_matches_its_manifest(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    assert {path.name for path in tiny_bundle.iterdir()} == {*bundle.manifest.files, "manifest.json"}
    assert "unseen" in bundle.known_names
    for model in bundle.manifest.models.values():
        onnx.checker.check_model(onnx.load_from_string(bundle.read(model.file)), full_check=True)
        assert all(isinstance(tensor.shape[0], str) for tensor in model.inputs), "the batch varies"
        assert model.parity["batches"] == [1, 3, 64]
        assert model.provenance["export"]["versions"]["torch"] == torch.__version__.split("+")[0]
    pictures = bundle.model("text-to-image").outputs[0]
    assert (pictures.name, pictures.dtype, pictures.shape[1:]) == ("pictures", "uint8", [128, 128, 4])
    run = bundle.model("text-to-image").provenance["run"]
    assert run["seed"] == 0
    assert run["epoch"] == run["epochs"] == 3
    assert len(run["data"]["digest"]) == 64


def test_bundle_contains_no_path_of_this_machine(full_bundle: Path, tiny_encoder: Path) -> None:
    places = (Path(torch.__file__).parent, Path(__file__).parents[2], Path.home(), tiny_encoder.parent, Path("/tmp"))
    for path in full_bundle.iterdir():
        content = path.read_bytes()
        for place in places:
            assert f"{place}/".encode() not in content, f"{path.name} names {place}"


def test_pytorch_is_rebuilt_from_the_bundle(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    generator, network = Generator(bundle, "cpu"), rebuild(bundle, bundle.model("text-to-image"))
    latent, text = generator.draw(range(3)), generator.embed(["redball", "a blue egg", "x"])
    with torch.no_grad():
        expected = network(torch.from_numpy(latent), torch.from_numpy(text))[0].numpy()
    assert np.percentile(np.abs(expected.astype(int) - generator.generate({"latent": latent, "text": text})), 99.9) <= 1


def test_float32_storage(tiny_run: Path, tmp_path: Path) -> None:
    bundle = export_runs([tiny_run], tmp_path / "exact", storage="float32")
    assert bundle.model("text-to-image").precision == "float32"


def test_wrong_graph_fails_parity(
    command: Command, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(model: onnx.ModelProto, int8: Int8) -> onnx.ModelProto:
        compact = compress(model, int8)
        for initializer in compact.graph.initializer:
            if initializer.name.endswith("to_rgba.bias"):
                wrong = numpy_helper.to_array(initializer) + 0.5
                initializer.CopyFrom(numpy_helper.from_array(wrong.astype(np.float32), initializer.name))
        return compact

    monkeypatch.setattr("pgexport.tracing.specs.compress.compress", damaged)
    done = command("pgexport", tiny_run, "--out", tmp_path / "bundle")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.search(r"stackgan: parity \(compact\).*first diverging node: .*to_rgba/Conv", line)
    assert list(tmp_path.iterdir()) == []


def test_existing_bundle_is_replaced_only_by_force(tiny_bundle: Path, tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, out)
    with pytest.raises(TargetInvalid, match="by force"):
        export_runs([tiny_run], out)
    (out / "manifest.json").write_text("old")
    export_runs([tiny_run], out, force=True)
    assert open_bundle(out).digest
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    other = tmp_path / "photos"
    other.mkdir()
    for force in (False, True):  # force does not help here, and is not advised
        with pytest.raises(TargetInvalid, match=r"exists and is not a bundle .* choose another folder"):
            export_runs([tiny_run], other, force=force)


def test_load_run_rejects_bad_runs(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        load_run(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    path = Run(copy).checkpoint
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RunInvalid, match="damaged or cut short"):
        load_run(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(RunInvalid, match=r"config\.json: damaged"):
        load_run(copy)


@pytest.mark.slow
def test_stage_one_alone_draws_64_pixels(inside: Command, small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    data, out = ("--data", small_data, "--encoder", tiny_encoder), ("--out", tmp_path / "run")
    done = inside("pgtrain", "stackgan", *data, *out, "--epochs", "1", "--stage", "1", *TINY)
    assert done.returncode == 0, done.stderr
    bundle = export_runs([tmp_path / "run"], tmp_path / "bundle")
    assert [output.name for output in bundle.model("text-to-image").outputs] == ["pictures"]
    done = inside("pgen", "image", "an egg", "--bundle", tmp_path / "bundle", "--out", tmp_path / "out.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "out.png") as picture:
        assert (picture.size, picture.mode) == ((64, 64), "RGBA")
    assert rebuild(bundle, bundle.model("text-to-image")).generator.decoder.stage2 is None


def test_original_recipe_exports_opaque_pictures(small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = {name: value for name, value in RECIPES["original"].items() if name != "epochs"}
    recipe |= {"width": 1, "batch": 4}
    request = Request("stackgan", small_data, tmp_path / "run", 3, str(tiny_encoder), 0, "fp32", 60, False)
    train(request, StackGANConfig(**recipe))
    bundle = export_runs([tmp_path / "run"], tmp_path / "bundle")
    generator, network = Generator(bundle, "cpu"), rebuild(bundle, bundle.model("text-to-image"))
    assert not any(isinstance(module, BATCH_NORMS) for module in network.modules())
    latent, text = generator.draw(range(3)), generator.embed(["redball", "a blue egg", "x"])
    pictures = generator.generate({"latent": latent, "text": text})
    assert pictures.shape == (3, 128, 128, 4)
    assert (pictures[..., 3] == 255).all()
    with torch.no_grad():
        expected = network(torch.from_numpy(latent), torch.from_numpy(text))[0].numpy()
    assert np.abs(expected.astype(int) - pictures).max() <= 1
