"""Fusions and shinies, drawn by the embedded bundle."""

from pathlib import Path

import numpy as np
import pytest

import pgen
from pgen.api import Generator
from pgen.errors import PromptInvalid, RequestInvalid
from pgen.images.fusion import fusion_name, plan_fusion
from pgen.images.shiny import MIN_DISTANCE, color_distance
from pgen.lexicon import load_lexicon
from pgen.request import MAX_PARENTS, Request, fusion_requests
from pokegan.names import plain


def test_fusion_depends_on_both_parents_and_on_their_order(generator: Generator) -> None:
    pairs = (["Charizard", "Gengar"], ["Gengar", "Charizard"], ["Charizard", "Snorlax"], ["Charizard", "Charizard"])
    pictures = [generator.fuse(pair, seed=5, stage=1)[0] for pair in pairs]
    assert len({picture.tobytes() for picture in pictures}) == len(pairs)
    assert np.array_equal(pictures[3], generator.images("Charizard", seed=5, stage=1)[0]), "a fusion with itself"


def test_fusion_does_not_depend_on_the_rest_of_its_batch(generator: Generator) -> None:
    fusion = next(fusion_requests(["Mew", "Snorlax"], [3], Request("", 0, stage=1)))
    others = [Request("Mew", 3, stage=1), Request("a red dog", 4, stage=1, colors="Gengar", shiny=True)]
    together = generator.draw_batch([*others, fusion])
    for picture, request in zip(together, [*others, fusion], strict=True):
        assert np.array_equal(picture, generator.draw_batch([request])[0])


def test_plans_split_the_shape_mostly_by_horizontal_edges() -> None:
    plans = [plan_fusion(request) for request in fusion_requests(["A", "B"], range(400))]
    masks = np.array([plan.share[:16].reshape(4, 4) for plan in plans])
    assert {plan.colors for plan in plans} == {"A", "B"}
    assert all(plan.share[16] == 0 for plan in plans)
    assert 0.15 < masks.mean((1, 2)).min() < masks.mean((1, 2)).max() < 0.85, "both parents show in every mask"
    down = np.abs(np.diff(masks.mean(2), axis=1)).sum(1)
    across = np.abs(np.diff(masks.mean(1), axis=1)).sum(1)
    assert 0.55 < (down > across).mean() < 0.9


def test_three_parents_give_two_shapes_and_the_colors_that_are_asked_for() -> None:
    template = Request("", 0, colors="Mew")
    plans = [plan_fusion(request) for request in fusion_requests(["A", "B", "C"], range(100), template)]
    assert {plan.colors for plan in plans} == {"Mew"}
    assert {(plan.first, plan.second) for plan in plans} == {(a, b) for a in "ABC" for b in "ABC" if a != b}


@pytest.mark.parametrize(
    "parents", [["Charizard", "Gengar"], ["a red dragon", "Mr. Mime"], ["火", "水"], ["Mew", "Muk"]]
)
def test_fused_names_are_new(parents: list[str]) -> None:
    known = {plain(name) for name in load_lexicon().known}
    names = [fusion_name(request) for request in fusion_requests(parents, range(40))]
    assert all(name.isalpha() and name[0].isupper() and plain(name) not in known for name in names)
    assert len(set(names)) > 1


@pytest.mark.parametrize(
    ("parents", "error"),
    [
        (["Mew"], RequestInvalid),
        ("Mew", RequestInvalid),
        ([], RequestInvalid),
        (["Mew"] * (MAX_PARENTS + 1), RequestInvalid),
        (["Mew", " "], PromptInvalid),
    ],
)
def test_invalid_parents_are_rejected(generator: Generator, parents: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        generator.fuse(parents)


def test_model_without_memory_rejects_fusions_and_shinies(generator: Generator) -> None:
    with pytest.raises(RequestInvalid, match="further parents"):
        generator.random(1, model="dcgan", shiny=True)
    fusion = Request("Mew", 0, fused=("Muk",))
    with pytest.raises(RequestInvalid, match="end of a morph"):
        pgen.write_morph(pgen.MorphJob(fusion, Request("Mew", 0), 2), Path("never.gif"))


def test_shiny_keeps_the_shape_and_changes_the_colors(generator: Generator) -> None:
    prompts = ["Charizard", "Snorlax", "a small blue turtle"]
    usual, shiny = (generator.images(prompts, 2, seed=1, stage=1, shiny=shiny) for shiny in (False, True))
    for one, other in zip(usual, shiny, strict=True):
        first, second = one[..., 3] >= 128, other[..., 3] >= 128
        assert (first & second).sum() / (first | second).sum() > 0.93
        assert color_distance(one, other) >= MIN_DISTANCE
    assert len({picture.tobytes() for picture in shiny}) == len(shiny)


def test_shiny_has_the_same_colors_at_both_stages(generator: Generator) -> None:
    small, large = (generator.images("Mew", seed=2, stage=stage, shiny=True)[0] for stage in (1, 2))
    halved = large.reshape(64, 2, 64, 2, 4).mean((1, 3)).round().astype(np.uint8)
    assert color_distance(small, halved) < MIN_DISTANCE / 2


def test_color_distance_is_measured_where_both_pictures_are_opaque() -> None:
    white, black = (np.full((4, 4, 4), level, np.uint8) for level in (255, 0))
    assert color_distance(white, black) == 0, "nothing of the second one is shown"
    black[:2, :, 3] = 255
    assert color_distance(white, black) == pytest.approx(100, abs=0.01)
