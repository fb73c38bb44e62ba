from pathlib import Path

import numpy as np
import pytest

from pgen.bundle.reader import open_bundle
from pgen.text_encoder import TextEncoder

MANY = [
    " ".join(["a", color, "dragon", *["with wings"] * more]) for color in ("red", "blue", "pink") for more in range(12)
] + [f"a {animal}" for animal in ("fox", "snake", "bird", "whale", "tree", "ghost", "robot", "worm", "frog", "cat")]
"""Texts of many lengths, three to ten of each."""
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
    bundle = open_bundle()
    assert not bundle.model("encoder").settings["alone"], "texts of one length share a batch"
    one = TextEncoder(bundle, "cpu", 1)
    expected = np.concatenate([one.encode([text]) for text in MANY])
    encoder, order = TextEncoder(bundle, "cpu", threads), np.random.default_rng(threads).permutation(len(MANY))
    for batch in (1, 2, 3, 5, 8, 13, len(MANY)):
        texts = [MANY[index] for index in order]
        parts = [encoder.encode(texts[start : start + batch]) for start in range(0, len(texts), batch)]
        assert np.array_equal(np.concatenate(parts), expected[order])
