"""One caption for all pictures tells none of them apart."""

import json
from pathlib import Path

import pytest
import torch

from pgtrain.data import dataset
from pgtrain.errors import DataInvalid
from pgtrain.models.text_encoder import whitening
from tests.conftest import COLORS, draw


def test_one_caption_for_all_pictures_is_refused(tmp_path: Path) -> None:
    lines = []
    for number, color in enumerate(COLORS.values()):
        draw(tmp_path / f"{number}.png", "ball", color)
        lines.append(json.dumps({"file_name": f"{number}.png", "text": "a ball"}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dataset, "cached_embeddings", lambda _, texts: torch.ones(len(texts), 8))
        with pytest.raises(DataInvalid, match=r"all 4 pictures have the caption 'a ball'.*dcgan"):
            dataset.load_dataset(tmp_path, 16, "an encoder")


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
