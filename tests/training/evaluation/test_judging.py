"""Figures of pictures: copies, labels and families; and the table that shows them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_fidelity.metric_kid import kid_features_to_metric

from pgtrain.data import sources
from pgtrain.data.records import Collection, Record
from pgtrain.evaluation import figures
from pgtrain.evaluation.copying import Artwork
from pgtrain.evaluation.features.extractors import Features, load_features
from pgtrain.evaluation.labels import Classifier, Shown, agreement, view
from pgtrain.evaluation.prompts import described
from pgtrain.evaluation.sampler import IN_TURN, draw_in_turn
from pgtrain.evaluation.tables import lines, ratios
from tests.training.evaluation.features import cloud, embedded

ROOT = Path(__file__).parents[3]


def artwork(held: int = 0, families: list[str] | None = None) -> Artwork:
    real = cloud(50)
    names = families or [str(index) for index in range(50)]
    return Artwork(embedded(real), embedded(cloud(50, seed=2)), names, torch.arange(50) < held)


def test_kernel_distance_is_the_published_one() -> None:
    drawn, real = cloud(80, 0.3, seed=1), cloud(80)
    published = kid_features_to_metric(drawn, real, kid_subsets=1, kid_subset_size=80, verbose=False)
    distance = figures.kernel_distance(drawn, real)
    assert distance["kid"] == pytest.approx(published["kernel_inception_distance_mean"], rel=0.05)
    assert distance["kid_low"] < distance["kid"] < distance["kid_high"]


def test_interval_covers_repeated_samples() -> None:
    truth = np.mean(
        [figures.kernel_distance(cloud(400, 0.3, seed=s), cloud(400, seed=s + 50))["kid"] for s in range(10)]
    )
    distance = [figures.kernel_distance(cloud(100, 0.3, seed=s + 200), cloud(100, seed=s + 300)) for s in range(60)]
    covered = np.mean([each["kid_low"] <= truth <= each["kid_high"] for each in distance])
    assert covered >= 0.85


def test_frechet_distance_is_taken_at_the_size_of_its_floor() -> None:
    real = cloud(200)
    distance = figures.frechet_distance(cloud(1000, seed=1), real)
    assert distance["fid_pictures"] == 100
    assert distance["fid"] == pytest.approx(figures.floor(real, 1000)["fid"], rel=0.3), "as good as the other half"
    few = figures.frechet_distance(cloud(40, seed=1), real)
    assert few["fid_pictures"] == 40
    assert few["fid"] == pytest.approx(figures.floor(real, 40)["fid"], rel=0.3)
    assert few["fid"] > 1.5 * distance["fid"], (
        "fewer pictures, a larger distance: only the floor tells that it is no worse"
    )


def test_copies_are_found_also_mirrored() -> None:
    one = artwork()
    for copied in (one.real, one.mirrored):
        first = Features(*(column[:7] for column in copied))
        copies = one.copying(first)
        assert (copies["copies"], copies["rate"], copies["pictures"]) == (7, 1.0, 7)
        assert one.nearest(first)[:, 0].tolist() == list(range(7))
    strangers = one.copying(embedded(cloud(50, seed=3)))
    assert strangers["copies"] < 7
    assert strangers["rate"] < 0.2
    assert "nearer_to_trained" not in strangers, "nothing was held out"


def test_real_pictures_of_one_family_are_no_measure_of_copies() -> None:
    twins = cloud(50)
    twins[1] = twins[0] + 1e-4
    families = ["0", "0", *(str(index) for index in range(2, 50))]
    held = torch.zeros(50, dtype=torch.bool)
    apart = Artwork(embedded(twins), embedded(twins), [str(index) for index in range(50)], held)
    together = Artwork(embedded(twins), embedded(twins), families, held)
    assert apart.among.min() < 1e-5 < together.among.min()


def test_memorized_pictures_are_nearer_to_trained_families() -> None:
    one = artwork(held=20)
    by_heart = one.copying(Features(*(column[20:] for column in one.real)))
    assert by_heart["nearer_to_trained"] > 0.6
    assert by_heart["nearest"] == pytest.approx(0, abs=1e-5)
    assert by_heart["nearest_held_out"] > 0.1
    assert 0.3 < one.copying(embedded(cloud(300, seed=9)))["nearer_to_trained"] < 0.7


RECORDS = [
    Record(f"mon{number}", Path("x"), types=(kind,), color=color, shape=shape)
    for number, (kind, color, shape) in enumerate(
        [("fire", "red", "wings"), ("water", "blue", "fish"), ("grass", "green", "ball"), ("fire", "red", "ball")]
    )
]


@given(st.integers(1, 40))
def test_new_combinations_are_new_and_known_ones_known(count: int) -> None:
    there = {(record.types, record.color, record.shape) for record in RECORDS}
    prompts = described(
        [*RECORDS, Record("bare", Path("x")), Record("unseen", None, ("ghost",), "black", "blob")], count
    )
    assert len(prompts) <= min(count, 2 * len(RECORDS))
    for prompt in prompts:
        assert (prompt[:3] in there) is prompt.known
        assert prompt.color in prompt.text
        assert "ghost" not in prompt.text


def test_without_labels_there_are_no_descriptions() -> None:
    assert described([Record("a", Path("x")), Record("b", Path("y"), types=("fire",))], 10) == []


def test_share_of_a_ceiling_near_chance_is_not_measurable() -> None:
    right = np.arange(4) % 4
    measured = agreement(right, np.eye(4, dtype=bool), ceiling=0.25)
    assert measured["share"] is None
    row = next(row for row in lines({"run": {"text": {"types": measured}}}) if "share of the ceiling" in row[0])
    assert row[1] == "not measurable"


def test_agreement_lies_between_chance_and_the_ceiling() -> None:
    labels = np.eye(4, dtype=bool)[np.arange(200) % 4]
    right = np.arange(200) % 4
    assert agreement(right, labels, ceiling=1.0) == {"found": 1.0, "floor": 0.25, "ceiling": 1.0, "share": 1.0}
    assert agreement(np.zeros(200, np.int64), labels, ceiling=0.8)["share"] == 0.0, "always one answer is chance"
    unlabeled = np.concatenate([labels, np.zeros((50, 4), bool)])
    assert agreement(np.concatenate([right, right[:50]]), unlabeled)["found"] == 1.0


@pytest.mark.parametrize(
    ("labels", "families", "separable"),
    [
        ("AABB", "1223", True),
        ("AABB", "1123", False),
        ("AABB", "1122", False),
        ("AABB", "1111", False),
        ("AAAA", "1234", False),
        ("A  B", "1234", False),
        ("AABB", "1234", True),
        ("AABBC", "12345", True),
    ],
)
def test_labels_are_separable_only_across_families(labels: str, families: str, separable: bool) -> None:
    shown = Shown.of([(label,) if label.strip() else () for label in labels])
    assert shown.is_separable(families) is separable
    if not separable:
        return
    seen = np.random.default_rng(0).random((len(labels), 64 + 8), np.float32)
    assert Classifier(seen, seen, shown, list(families)).predict(seen).shape == (len(labels),)


def test_classifier_learns_visible_labels_only() -> None:
    draws = torch.Generator().manual_seed(0)
    colors = torch.tensor([[200, 40, 40], [50, 80, 210], [40, 180, 60]])
    labels = torch.randint(0, 3, (90,), generator=draws)
    pixels = colors[labels][:, :, None, None].expand(-1, -1, 8, 8).byte()
    seen = view(pixels, torch.randn(90, 16, generator=draws))
    families = [str(number // 2) for number in range(90)]
    names = ["red", "blue", "green"]
    shown = Shown.of([(names[label],) for label in labels], names)
    assert agreement(Classifier(seen, seen, shown, list(families)).predictions, shown.flags)["found"] > 0.7
    shuffled = Shown(names, shown.flags[torch.randperm(90, generator=draws).numpy()])
    assert agreement(Classifier(seen, seen, shuffled, families).predictions, shuffled.flags)["found"] < 0.6


class Echo:
    """Draws a picture whose first two channels are its prompt and its seed."""

    reads_text = True

    def draw(self, prompts: list[str], seeds: list[int]) -> Tensor:
        pairs = [(int(prompt), seed) for prompt in prompts for seed in seeds]
        return torch.tensor([[number, seed, 0, 255] for number, seed in pairs], dtype=torch.uint8)[:, :, None, None]


@given(st.integers(1, 200), st.integers(0, 50))
def test_prompts_take_turns_with_seeds_and_keep_their_order(count: int, first: int) -> None:
    drawn, seeds = draw_in_turn(Echo(), [str(number) for number in range(count)], first)
    assert drawn[:, 0, 0, 0].tolist() == list(range(count))
    assert drawn[:, 1, 0, 0].tolist() == seeds.tolist()
    assert len(set(seeds.tolist())) == max(1, min(IN_TURN, count // 16))


def test_imagenet_features_distinguish_pictures() -> None:
    pictures = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    pictures[1, :, 8:24, 8:24] = 255
    pictures[2, 0] = 200
    features = load_features("imagenet")(pictures)
    assert features.values.shape == (3, 1280)
    assert torch.allclose(features.embeddings.norm(dim=1), torch.ones(3))
    assert figures.spread(torch.nn.functional.normalize(features.values, dim=1)) > 0.05


def test_families_come_from_evolution_and_are_held_out_whole(tmp_path: Path) -> None:
    entries = [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "evolves_from": 1}, {"id": 2, "name": "mega b"}]
    entries += [{"id": 3, "name": "c", "evolves_from": 4}, {"id": 4, "name": "d", "evolves_from": 3}, {"name": "e"}]
    (tmp_path / "x.png").write_bytes(b"picture")
    lines = "\n".join(json.dumps(entry | {"file_name": "x.png"}) for entry in entries)
    (tmp_path / "metadata.jsonl").write_text(lines)
    collection = sources.read(tmp_path)
    family = {record.name: record.family for record in collection.records}
    assert family["a"] == family["b"] != family["c"]
    assert family["e"] == ""
    held = collection.held_out(0.5)
    kept = collection.without(held)
    assert [record.name for record in kept.records] == [record.name for record in collection.records]
    gone = {record.name for record in kept.records if record.image is None}
    assert gone
    assert ("a" in gone) is ("b" in gone)
    assert kept.digest() != collection.digest()


@given(st.floats(0, 0.9), st.floats(0, 0.9))
def test_smaller_share_is_part_of_a_larger_one(one: float, other: float) -> None:
    some = Collection([Record(str(number), Path("x"), family=str(number // 3)) for number in range(90)], b"")
    small, large = some.held_out(min(one, other)), some.held_out(max(one, other))
    assert small <= large
    assert len(large) == round(max(one, other) * 30)


FOUND = {"kid": 0.2, "fid": 50.0, "floor": {"kid": 0.001, "fid": 9.0}, "copying": {"copies": 3}}


def test_table_sets_contenders_beside_real_pictures() -> None:
    contenders = {"old": FOUND, "new": FOUND | {"kid": 0.1}}
    rows = {label: cells for label, *cells in lines(contenders)}
    assert rows["KID"] == ["0.200", "0.100", "0.001"]
    assert rows["copies"] == ["3", "3", "0"]
    assert "own Pokémon is the nearest" not in rows, "nobody was asked"
    assert ratios(contenders)["new"]["kid"] == 0.5


@pytest.mark.slow
def test_benchmark_sets_two_bundles_side_by_side(tiny_bundle: Path, small_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "compared.json"
    call = ["--data", small_data, "--features", "artwork", "--samples", "12", "--work", tmp_path / "work", "--out", out]
    program = [sys.executable, ROOT / "benchmarks" / "quality" / "compare.py", f"a={tiny_bundle}", f"b={tiny_bundle}"]
    done = subprocess.run([*map(str, program), *map(str, call)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads(out.read_text())
    assert document["judged"]["a"] == document["judged"]["b"], "the same pictures, the same figures"
    assert set(document["over_first"]["b"].values()) == {1.0}
    assert "KID" in done.stdout
    assert out.with_suffix(".png").is_file()
