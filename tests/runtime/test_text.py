from pathlib import Path

import numpy as np
import pytest

from pgen.bundle.reader import open_bundle
from pgen.text_encoder import TextEncoder

SAME_LENGTH = [f"a {color} dragon" for color in ("red", "blue", "green", "pink", "black")]
TEXTS = ["redball", "a blue egg that rolls", "x", "a blue egg", "many words " * 60]


def test_exported_encoder_equals_pytorch(tiny_bundle: Path, tiny_encoder: Path) -> None:
    import torch

    from pgtrain.models.text_encoder import embed, load_encoder

    expected = embed(load_encoder(str(tiny_encoder)), TEXTS)
    embeddings = TextEncoder(open_bundle(tiny_bundle), "cpu").encode(TEXTS)
    assert torch.cosine_similarity(expected, torch.from_numpy(embeddings)).min() > 0.999


def test_embedding_does_not_depend_on_the_batch(tiny_bundle: Path) -> None:
    encoder = TextEncoder(open_bundle(tiny_bundle), "cpu")
    together = encoder.encode(TEXTS)
    for text, embedding in zip(TEXTS, together, strict=True):
        assert np.array_equal(encoder.encode([text])[0], embedding)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_embedded_encoder_has_equal_bits_in_any_batch(threads: int) -> None:
    expected = TextEncoder(open_bundle(), "cpu", 1).encode(SAME_LENGTH)
    encoder = TextEncoder(open_bundle(), "cpu", threads)
    for batch in (1, 2, 5):
        embeddings = [encoder.encode(SAME_LENGTH[start : start + batch]) for start in range(0, 5, batch)]
        assert np.array_equal(np.concatenate(embeddings), expected)
