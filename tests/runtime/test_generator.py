import pkgutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pgen
from pgen.api import Generator
from pgen.errors import PromptInvalid, RequestInvalid
from pgen.prompts import MAX_PROMPT, check_prompt
from pgen.request import Request

PROMPTS = ["redball", "a green egg", "BLUEWINGS", "something with many more words in it, and a comma"]


@pytest.fixture(scope="module")
def generator(tiny_bundle: Path) -> Generator:
    return pgen.load(tiny_bundle, "cpu")


def test_shape_and_type(generator: Generator) -> None:
    pictures = generator.images(PROMPTS, n=2)
    assert pictures.shape == (8, 128, 128, 4)
    assert pictures.dtype == np.uint8


@settings(max_examples=15, deadline=None)
@given(
    requests=st.lists(
        st.builds(
            Request,
            prompt=st.sampled_from(PROMPTS),
            seed=st.integers(0, 5),
            truncation=st.sampled_from([0.0, 0.5, 1.0]),
            stage=st.sampled_from([None, 1, 2]),
        ),
        min_size=1,
        max_size=7,
    ),
    batch=st.integers(1, 8),
)
def test_picture_depends_only_on_its_request(generator: Generator, requests: list[Request], batch: int) -> None:
    for picture, request in zip(generator.stream(requests, batch), requests, strict=True):
        assert picture.request == request
        assert np.array_equal(picture.pixels, generator.draw_batch([request])[0])


def test_seed_and_prompt_both_matter(generator: Generator) -> None:
    pictures = generator.images(["redball", "bluewings"], n=2)
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_model_without_memory_rejects_colors() -> None:
    with pytest.raises(RequestInvalid, match="takes no colors apart"):
        pgen.load(device="cpu").random(1, model="dcgan", colors="a green egg")


def test_threads_do_not_change_pictures(tiny_bundle: Path, generator: Generator) -> None:
    one = pgen.load(tiny_bundle, "cpu", threads=1)
    assert np.array_equal(one.images(PROMPTS), generator.images(PROMPTS))


def test_known_name_opens_no_encoder(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = pgen.load(tiny_bundle, "cpu")
    monkeypatch.setattr(generator.encoder, "encode", lambda texts: pytest.fail("the encoder ran"))
    generator.images(["redball", " RedBall "])


def test_stored_embeddings_equal_computed_ones(generator: Generator) -> None:
    stored, computed = generator.encoder(["redball"]), generator.encoder.encode(["redball"])
    np.testing.assert_allclose(stored, computed, atol=2e-3)


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "x" * (MAX_PROMPT + 1), "a\x00b", "a\x1b[31m", "\ud800"])
def test_invalid_prompts_are_rejected(prompt: str) -> None:
    with pytest.raises(PromptInvalid):
        check_prompt(prompt)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_generated_or_rejected(generator: Generator, prompt: str) -> None:
    try:
        checked = check_prompt(prompt)
    except PromptInvalid:
        return
    assert np.isfinite(generator.embed([checked])).all()


def test_public_names_resolve() -> None:
    modules = {module.name for module in pkgutil.iter_modules(pgen.__path__)}
    for name in pgen.__all__:
        assert getattr(pgen, name) is not None
        assert name not in modules, "importing the module would replace what is named"
    with pytest.raises(AttributeError):
        pgen.nothing  # noqa: B018
