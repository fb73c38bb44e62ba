from pathlib import Path

import numpy as np
import torch

from pgen.bundle import open_bundle
from pgen.text import TextEncoder
from pgtrain.text import embed, load_encoder

TEXTS = ["redball", "a blue egg that rolls", "x", "a blue egg", "many words " * 60]


def test_the_exported_encoder_is_pytorch_s(tiny_bundle: Path, tiny_encoder: Path) -> None:
    expected = embed(load_encoder(str(tiny_encoder)), TEXTS)
    found = TextEncoder(open_bundle(tiny_bundle), "cpu").encode(TEXTS)
    assert torch.cosine_similarity(expected, torch.from_numpy(found)).min() > 0.999


def test_an_embedding_does_not_depend_on_its_neighbours(tiny_bundle: Path) -> None:
    encoder = TextEncoder(open_bundle(tiny_bundle), "cpu")
    together = encoder.encode(TEXTS)
    for text, embedding in zip(TEXTS, together, strict=True):
        assert np.array_equal(encoder.encode([text])[0], embedding)
