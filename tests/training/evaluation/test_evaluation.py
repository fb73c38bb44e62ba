import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from PIL import Image

from pgexport.tracing.run_loader import load_run
from pgtrain.data.sources import download
from pgtrain.engine.run import Run
from pgtrain.errors import FeaturesNotFound
from pgtrain.evaluation import figures
from pgtrain.evaluation.features.artwork import SIDE, load_network, resized
from pgtrain.evaluation.features.extractors import Features, load_features
from pgtrain.evaluation.features.train_feature_network import split
from pgtrain.report.page import write_report
from tests.conftest import Command
from tests.training.evaluation.features import cloud, embedded


def test_distances_are_small_for_one_distribution_and_grow_with_the_shift() -> None:
    real = cloud(200)
    for distance, name in ((figures.kernel_distance, "kid"), (figures.frechet_distance, "fid")):
        same, near, far = (distance(cloud(200, shift, seed=1), real)[name] for shift in (0.0, 0.5, 2.0))
        assert same < near < far, name
    assert figures.frechet_distance(real, real)["fid"] == pytest.approx(0, abs=1e-6)
    assert abs(figures.floor(real, 200)["kid"]) < figures.kernel_distance(cloud(200, 0.5, seed=1), real)["kid"]


def test_precision_falls_for_strangers_and_recall_for_few_modes() -> None:
    real = cloud(100)
    assert figures.precision_recall(cloud(100, 20.0), real) == {"precision": 0.0, "recall": 0.0}
    collapsed = figures.precision_recall(real[:1].repeat(100, 1) + 1e-3 * cloud(100, seed=1), real)
    assert collapsed["precision"] == 1.0
    assert collapsed["recall"] <= 0.1


def test_spread_is_zero_for_one_picture_and_one_for_orthogonal_ones() -> None:
    assert figures.spread(torch.eye(8)[:1].repeat(5, 1)) == pytest.approx(0, abs=1e-6)
    assert figures.spread(torch.eye(8)) == pytest.approx(1)


def test_retrieval_ranks_the_best_of_several_pictures_of_a_name() -> None:
    real = embedded(torch.eye(4))
    names = ["a", "b", "a", "c"]
    exact = figures.retrieval(real, real, names, names)
    assert (exact["median_rank"], exact["first"], exact["chance_rank"]) == (1.0, 1.0, 2.5)
    wrong = figures.retrieval(Features(*(column[1:2] for column in real)), real, ["c"], names)
    assert wrong["first"] == 0.0
    assert 2 <= wrong["median_rank"] <= 4


def test_families_are_held_out_whole() -> None:
    families = [number // 3 for number in range(90)]
    rows, held = split(families)
    assert sorted([*rows.tolist(), *held.tolist()]) == list(range(90))
    assert len(held) == 18
    assert not {families[index] for index in rows} & {families[index] for index in held}


def test_packaged_network_notices_damage(pokemon: Path) -> None:
    """Blur, noise and wrong colors each take real artwork further from itself than its own halves are."""
    from pgtrain.data.images import decode
    from pgtrain.evaluation.reference_set import as_pixels

    files = sorted((pokemon / "images").iterdir())[:256]
    real = as_pixels(torch.stack([decode(file, 64) for file in files]).float() / 255)
    extract = load_features("artwork")
    first, second = real[::2], real[1::2]
    damaged = {
        "blurred": (resized(resized(second.float() / 255, 16), 64) * 255).byte(),
        "noisy": (second.float() + 40 * torch.randn(second.shape)).clamp(0, 255).byte(),
        "swapped": second.flip(1),
        "blank": torch.full_like(second, 255),
    }
    seen = extract(first).values
    floor = figures.kernel_distance(extract(second).values, seen)["kid"]
    for name, pictures in damaged.items():
        assert figures.kernel_distance(extract(pictures).values, seen)["kid"] > floor + 0.02, name


def test_packaged_network_gives_unit_embeddings_at_any_size() -> None:
    extract = load_features("artwork")
    for side in (32, 64, SIDE, 256):
        embeddings = extract(torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8))
        assert torch.allclose(embeddings.embeddings.norm(dim=1), torch.ones(3))
        assert torch.isfinite(embeddings.values).all()
    assert not load_network().training


def test_unavailable_weights_fail_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FeaturesNotFound, match="name their file") as caught:
        load_features("inception", tmp_path / "nothing.pth")
    assert len(str(caught.value).splitlines()) == 1


def test_silent_server_of_weights_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch_fidelity import feature_extractor_inceptionv3

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(download, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        monkeypatch.setattr(feature_extractor_inceptionv3, "URL_INCEPTION_V3", url)
        with pytest.raises(FeaturesNotFound, match=r"inception cannot be loaded \(timed out\)"):
            load_features("inception")
    assert socket.getdefaulttimeout() is None


def test_evaluate_a_text_run(inside: Command, tiny_run: Path, small_data: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")  # other tests share the tiny one
    few = ("--samples", "12", "--features", "artwork", "--no-second")
    done = inside("pgtrain", "evaluate", run, "--data", small_data, *few)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["samples"] == 12
    assert metrics["side"] == 128
    assert metrics["trained_on_this_data"] is True
    assert metrics["retrieval"]["chance_rank"] == 6.5
    assert metrics["features"] == "artwork"
    assert metrics["drawn_by"] == "pgtrain"
    assert set(metrics["text"]) == {"types", "color", "shape"}
    assert metrics["described"]["text"]["known"]["color"]["ceiling"] > 0.9, "ellipses of four colors"
    for name in ("samples.png", "neighbors.png", "sheet.png"):
        with Image.open(run / name) as picture:
            assert picture.width % 128 == 0
    page = write_report(Run(run)).read_text("utf-8")
    assert "rank, median" in page
    assert page.count("data:image/") == 7, "prompts, samples, grid, real ones, film, curves, and neighbors"
    assert load_run(run).evaluation == metrics, "what export puts into the manifest"


@pytest.mark.slow
def test_second_network_judges_too(inside: Command, tiny_run: Path, small_data: Path, tmp_path: Path) -> None:
    judged = ("--samples", "12", "--features", "artwork", "--out", tmp_path / "quality")
    done = inside("pgtrain", "evaluate", tiny_run, "--data", small_data, *judged)
    assert done.returncode == 0, done.stderr
    second = json.loads((tmp_path / "quality" / "metrics.json").read_text())["second"]
    assert {"kid", "fid", "floor"} <= second.keys()


def test_evaluate_a_bundle_as_its_run(inside: Command, tiny_bundle: Path, small_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "quality"
    few = ("--samples", "12", "--features", "artwork", "--no-second")
    call = ("pgtrain", "evaluate", tiny_bundle, "--data", small_data, *few)
    before = sorted(tiny_bundle.iterdir())
    done = inside(*call, "--out", out)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["drawn_by"], metrics["system"], metrics["side"]) == ("pgen", "stackgan", 128)
    assert metrics["trained_on_this_data"] is True
    assert 0 <= metrics["described"]["text"]["new"]["color"]["found"] <= 1
    assert sorted(tiny_bundle.iterdir()) == before
    for more, message in (
        ((), "--out"),
        (("--out", out, "--model", "dcgan"), "no model dcgan; those that draw: stackgan"),
    ):
        refused = inside(*call, *more)
        assert refused.returncode == 2
        assert message in " ".join(refused.stderr.split())


def test_families_held_out_from_training_are_told_apart(inside: Command, small_data: Path, tmp_path: Path) -> None:
    run, bundle, out = tmp_path / "run", tmp_path / "bundle", tmp_path / "quality"
    options = ("--width", "4", "--size", "32", "--batch", "4", "--latent-dim", "8", "--out", run)
    assert (
        inside("pgtrain", "dcgan", "--data", small_data, "--epochs", "1", "--hold-out", "0.25", *options).returncode
        == 0
    )
    assert json.loads((run / "config.json").read_text())["data"]["examples"] == 9
    again = inside("pgtrain", "dcgan", "--data", small_data, "--epochs", "2", "--resume", *options)
    assert again.returncode == 0, again.stderr
    assert inside("pgexport", run, "--out", bundle).returncode == 0
    for place in (run, bundle):
        judged = ("--data", small_data, "--features", "artwork", "--no-second", "--out", out)
        done = inside("pgtrain", "evaluate", place, *judged)
        assert done.returncode == 0, done.stderr
        metrics = json.loads((out / "metrics.json").read_text())
        assert (metrics["held_out"], metrics["trained_on_this_data"]) == (3, True)
        assert 0 <= metrics["copying"]["nearer_to_trained"] <= 1


def test_evaluate_without_text_and_rows(inside: Command, small_data: Path, pokemon: Path, tmp_path: Path) -> None:
    run = tmp_path / "dcgan"
    options = ("--epochs", "1", "--width", "4", "--size", "32", "--batch", "4", "--out", run)
    assert inside("pgtrain", "dcgan", "--data", small_data, *options).returncode == 0
    done = inside("pgtrain", "evaluate", run, "--features", "artwork", "--no-second")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["trained_on_this_data"], "the run remembers its data"
    assert "retrieval" not in metrics
    assert {"kid", "fid", "precision", "recall", "floor", "spread", "copying"} <= metrics.keys()
    inside("pgtrain", "evaluate", run, "--data", small_data, "--features", "artwork", "--no-second")
    assert json.loads((run / "metrics.json").read_text()) == metrics, "the same seed, the same figures"
    rows = tmp_path / "stats"
    assert inside("pgtrain", "stats", "--data", pokemon, "--epochs", "1", "--out", rows).returncode == 0
    done = inside("pgtrain", "evaluate", rows, "--samples", "300")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((rows / "metrics.json").read_text())
    assert metrics["valid"] == 1.0
    assert 0 < metrics["overall"] < 1


def test_evaluation_rejects_unusable_input_in_one_line(inside: Command, tiny_run: Path, tmp_path: Path) -> None:
    for call in (
        ("evaluate", tmp_path),
        ("evaluate", tiny_run, "--data", tmp_path / "missing"),
        ("evaluate", tiny_run, "--features", "inception", "--weights", tmp_path / "missing.pth", "--data", tmp_path),
    ):
        done = inside("pgtrain", *call)
        assert done.returncode == 2, call
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
