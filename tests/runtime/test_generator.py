from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pgen
from pgen.errors import PromptInvalid
from pgen.images import Pipeline, requests
from pgen.text import MAX_PROMPT, check_prompt

PROMPTS = ["redball", "a green egg", "BLUEWINGS", "something with many more words in it, and a comma"]


@pytest.fixture(scope="module")
def pipeline(tiny_bundle: Path) -> Pipeline:
    return pgen.load(tiny_bundle, "cpu")


def test_shape_and_type(pipeline: Pipeline) -> None:
    pictures = pipeline.images(PROMPTS, n=2)
    assert pictures.shape == (8, 128, 128, 4)
    assert pictures.dtype == np.uint8


@settings(max_examples=15, deadline=None)
@given(
    wanted=st.lists(st.tuples(st.sampled_from(PROMPTS), st.integers(0, 5)), min_size=1, max_size=7),
    batch=st.integers(1, 8),
)
def test_a_picture_depends_on_prompt_and_seed_alone(
    pipeline: Pipeline, wanted: list[tuple[str, int]], batch: int
) -> None:
    for picture, (prompt, seed) in zip(pipeline.stream(wanted, batch), wanted, strict=True):
        assert np.array_equal(picture.pixels, pipeline.images([prompt], seed=seed)[0])


def test_seed_and_prompt_both_matter(pipeline: Pipeline) -> None:
    pictures = pipeline.images(["redball", "bluewings"], n=2)
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_threads_do_not_change_pictures(tiny_bundle: Path, pipeline: Pipeline) -> None:
    one = pgen.load(tiny_bundle, "cpu", threads=1)
    assert np.array_equal(one.images(PROMPTS), pipeline.images(PROMPTS))


def test_a_known_name_opens_no_encoder(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = pgen.load(tiny_bundle, "cpu")
    monkeypatch.setattr(pipeline.encoder, "encode", lambda texts: pytest.fail("the encoder ran"))
    pipeline.images(["redball", " RedBall "])


def test_stored_names_are_what_the_encoder_gives(pipeline: Pipeline) -> None:
    stored, computed = pipeline.encoder(["redball"]), pipeline.encoder.encode(["redball"])
    np.testing.assert_allclose(stored, computed, atol=2e-3)


def test_requests_count_up_the_seeds() -> None:
    assert list(requests(["a", "b"], 2, 5)) == [("a", 5), ("a", 6), ("b", 5), ("b", 6)]


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "x" * (MAX_PROMPT + 1), "a\x00b", "a\x1b[31m", "\ud800"])
def test_bad_prompts(prompt: str) -> None:
    with pytest.raises(PromptInvalid):
        check_prompt(prompt)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_drawn_or_refused(pipeline: Pipeline, prompt: str) -> None:
    try:
        checked = check_prompt(prompt)
    except PromptInvalid:
        return
    assert np.isfinite(pipeline.embed([checked])).all()


def test_public_names_resolve() -> None:
    for name in pgen.__all__:
        assert getattr(pgen, name) is not None
    with pytest.raises(AttributeError):
        pgen.nothing  # noqa: B018
