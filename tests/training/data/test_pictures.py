import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pgtrain.data import dataset, sources
from pgtrain.data.images import decode, decode_all, grid
from pgtrain.errors import DataInvalid
from pgtrain.models.augment import DRAWS, augment
from tests.conftest import COLORS, draw


def test_decoding_premultiplies_and_pads(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 10), (200, 100, 50, 255))
    image.save(tmp_path / "wide.png")
    pixels = decode(tmp_path / "wide.png", 20)
    assert pixels.shape == (4, 20, 20)
    assert pixels[:, 10, 10].tolist() == [200, 100, 50, 255]
    assert pixels[:, 1, 10].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "1"])
def test_every_mode_becomes_rgba(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png", 8)[:, 0, 0].tolist() == [255] * 4


def test_invisible_color_does_not_bleed(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., 0] = 255  # invisible red around
    pixels[16:48, 16:48] = (0, 0, 255, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png", 16)[0].max() == 0


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_broken_image_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 90).save(path)
    broken = tmp_path / "broken.png"
    broken.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataInvalid, match=r"broken\.png: cannot be decoded"):
        decode(broken, 16)


def test_grid_shows_transparency_as_white() -> None:
    image = grid(torch.zeros(3, 4, 5, 5), columns=2)
    assert image.size == (10, 10)
    assert image.getextrema() == ((255, 255),) * 3


def test_augmentation_keeps_shape_and_gives_gradients() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(8, 4, 16, 16, requires_grad=True)
    changed = augment(pictures)
    assert changed.shape == pictures.shape
    changed.sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0


@pytest.mark.parametrize("channels", [3, 4])
def test_equal_draws_change_pictures_equally(channels: int) -> None:
    pictures = torch.rand(2, channels, 16, 16)
    draws = torch.rand(2, DRAWS)
    changed = augment(pictures, draws)
    assert torch.equal(changed, augment(pictures, draws))
    assert not torch.equal(changed, augment(pictures, draws.flip(0)))


def test_augmentation_leaves_the_transparent_transparent() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(64, 4, 16, 16)
    pictures[:, :, 6:10, 6:10] = 0.5
    changed = augment(pictures)
    nothing = changed[:, 3:] == 0
    assert nothing.any()
    assert changed[:, :3].abs()[nothing.expand(-1, 3, -1, -1)].max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), side=st.integers(3, 90), size=st.integers(2, 96))
def test_decoded_color_never_exceeds_alpha(
    seed: int, side: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lanczos overshoots; color above alpha is a pixel that no generator can draw."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side, 4), np.uint8)
    pixels[..., 3] = np.where(random.random((side, side)) < 0.5, 255, pixels[..., 3] // 9)
    path = tmp_path_factory.mktemp("clamp") / "picture.png"
    Image.fromarray(pixels).save(path)
    picture = decode(path, size)
    assert (picture[:3] <= picture[3:]).all()


def test_one_caption_for_all_pictures_is_refused(tmp_path: Path) -> None:
    lines = []
    for number, color in enumerate(COLORS):
        draw(tmp_path / f"{number}.png", color=color)
        lines.append(json.dumps({"file_name": f"{number}.png", "text": "a ball"}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dataset, "cached_embeddings", lambda _, texts: torch.ones(len(texts), 8))
        with pytest.raises(DataInvalid, match=r"all 4 pictures have the caption 'a ball'.*dcgan"):
            dataset.decoded(sources.read(tmp_path), 16, "an encoder")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_decoding_shows_a_bar_on_a_terminal_alone(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted((small_data / "images").glob("*.png"))
    for stderr, shown in ((Terminal(), True), (io.StringIO(), False), (None, False)):
        monkeypatch.setattr(sys, "stderr", stderr)
        assert decode_all(paths, 32).shape == (12, 4, 32, 32)
        assert stderr is None or ("12/12" in stderr.getvalue()) == shown
