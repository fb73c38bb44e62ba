import logging
from pathlib import Path

import pytest
import torch

from pgtrain.errors import EncoderNotFound
from pgtrain.models.layers import Whitening
from pgtrain.models.text_encoder import DEFAULT_ENCODER, cached_embeddings, embed, load_encoder, whitening


def test_padding_does_not_change_an_embedding(tiny_encoder: Path) -> None:
    encoder = load_encoder(str(tiny_encoder))
    alone = embed(encoder, ["ab"])
    beside = embed(encoder, ["a much longer text than that", "ab", "middle"])
    assert torch.allclose(alone[0], beside[1], atol=1e-6)


def test_embeddings_are_cached(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_embeddings(str(tiny_encoder), ["one", "two"])
    monkeypatch.setattr("pgtrain.models.text_encoder.load_encoder", lambda name: pytest.fail("the cache was not used"))
    assert torch.equal(cached_embeddings(str(tiny_encoder), ["one", "two"]), first)


def test_missing_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFound, match="nowhere"):
        load_encoder(str(tmp_path / "nowhere"))
    assert not logging.getLogger("huggingface_hub.utils._http").isEnabledFor(logging.WARNING), "it tells each retry"


def test_default_encoder_needs_no_hub() -> None:
    encoder = load_encoder(DEFAULT_ENCODER)
    embeddings = embed(encoder, ["a red dragon", "a crimson dragon", "a bowl of rice"])
    assert embeddings.shape == (3, 384)
    near, far = torch.cosine_similarity(embeddings[0], embeddings[1:]).tolist()
    assert near > far + 0.2


def test_whitening_gives_unit_variance() -> None:
    torch.manual_seed(0)
    texts = torch.randn(500, 20) @ torch.randn(20, 20) + 5
    mean, matrix = whitening(texts, 8)
    layer = Whitening(20, 8)
    layer.fit(mean, matrix)
    white = layer(texts)
    assert torch.allclose(white.T @ white / 499, torch.eye(8), atol=1e-3)
    assert torch.allclose(white.mean(0), torch.zeros(8), atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_whitening_of_few_texts_is_finite(count: int) -> None:
    mean, matrix = whitening(torch.randn(count, 16), 8)
    assert matrix.shape[1] <= max(1, count - 1)
    assert torch.isfinite((torch.randn(3, 16) - mean) @ matrix).all()


@pytest.mark.parametrize("count", [1, 9])
def test_whitening_of_texts_that_do_not_differ_is_small(count: int) -> None:
    torch.manual_seed(0)
    embeddings = torch.ones(count, 8) + 1e-7 * torch.randn(count, 8)
    mean, matrix = whitening(embeddings, 4)
    assert matrix.abs().max() == 0
    assert ((embeddings - mean) @ matrix).isfinite().all()


def test_whitening_of_texts_that_differ_has_unit_variance() -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(50, 8) * 0.01 + 1
    mean, matrix = whitening(embeddings, 4)
    assert torch.allclose(((embeddings - mean) @ matrix).var(0), torch.ones(4), atol=1e-3)
