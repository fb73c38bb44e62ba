import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

import pgen
from pgen.api import Generator
from pgen.errors import OutputInvalid, PromptInvalid, RequestInvalid
from pgen.images.animation import MAX_FPS, check_animation, encode_animation
from pgen.latents import latents
from pgen.morph.interpolation import slerp
from pokegan.errors import MissingExtra


@pytest.fixture(scope="module")
def generator(full_bundle: Path) -> Generator:
    return pgen.load(full_bundle, "cpu")


@given(st.integers(0, 99), st.integers(100, 199), st.floats(0, 1, width=32))
def test_slerp_follows_the_arc(first: int, second: int, step: float) -> None:
    start, end = latents([first, second], 64)
    (between,) = slerp(start, end, np.array([step], np.float32))
    lengths = sorted([np.linalg.norm(start), np.linalg.norm(end)])
    straight = np.linalg.norm((1 - step) * start + step * end)
    assert between.dtype == np.float32
    assert np.linalg.norm(between) >= straight - 1e-3
    assert 0.9 * lengths[0] <= np.linalg.norm(between) <= 1.1 * lengths[1]
    for place, there in ((0.0, start), (1.0, end)):
        np.testing.assert_allclose(slerp(start, end, np.array([place], np.float32))[0], there, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0])
def test_slerp_of_collinear_latents_is_linear(factor: float) -> None:
    start = latents([1], 8)[0]
    between = slerp(start, np.float32(factor) * start, np.linspace(0, 1, 5, dtype=np.float32))
    assert np.isfinite(between).all()
    np.testing.assert_allclose(between[4], factor * start, atol=1e-5)


def test_ends_equal_the_pictures(generator: Generator) -> None:
    frames = generator.morph("redball", "bluewings", 5, seed=3, to_seed=9, truncation=0.5)
    assert frames.shape[0] == 5
    assert np.array_equal(frames[0], generator.images("redball", seed=3, truncation=0.5)[0])
    assert np.array_equal(frames[4], generator.images("bluewings", seed=9, truncation=0.5)[0])
    assert not np.array_equal(frames[2], frames[0])


def test_loop_returns_to_the_start(generator: Generator) -> None:
    there = generator.morph("redball", "bluewings", 4)
    back = generator.morph("redball", "bluewings", 6, loop=True)
    assert np.array_equal(back[:4], there)
    assert np.array_equal(back[4:], there[2:0:-1])


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_batch_does_not_change_the_animation(generator: Generator, batch: int) -> None:
    animation = generator.morph("redball", "bluewings", 7, to_seed=5)
    assert np.array_equal(generator.morph("redball", "bluewings", 7, to_seed=5, batch=batch), animation)


def test_morph_without_text_interpolates_seeds(generator: Generator) -> None:
    frames = generator.morph(frames=3, seed=1, to_seed=2, model="dcgan")
    assert np.array_equal(frames[[0, 2]], generator.random(2, seed=1, model="dcgan"))


def test_invalid_morphs_are_rejected(generator: Generator) -> None:
    for message, arguments in (
        ("same picture", {"start": "a", "end": "a"}),
        ("same picture", {"model": "dcgan"}),
        ("frames 1", {"start": "a", "end": "b", "frames": 1}),
        ("reads no text", {"start": "a", "end": "b", "model": "dcgan"}),
    ):
        with pytest.raises(RequestInvalid, match=message):
            generator.morph(**arguments)  # type: ignore[arg-type]
    with pytest.raises(PromptInvalid, match="empty"):
        generator.morph("redball", to_seed=4)


def ball(left: int, ground: tuple[int, ...]) -> Image.Image:
    image = Image.new("RGBA", (33, 33), ground)
    image.paste((250, 120, 10, 255), (left, 8, left + 10, 24))
    return image


def test_gif_frames_do_not_accumulate() -> None:
    frames = [ball(left, (0, 0, 0, 0)) for left in (2, 8, 20)]
    with Image.open(io.BytesIO(encode_animation(frames, "gif", 20))) as read:
        assert (read.info["loop"], read.info["duration"]) == (0, 50)
        seen = [np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(read)]
    for shown, frame in zip(seen, frames, strict=True):
        assert np.array_equal(shown[..., 3], np.array(frame)[..., 3])
        assert np.array_equal(shown[shown[..., 3] > 0], np.array(frame)[shown[..., 3] > 0])


def test_webp_keeps_every_pixel() -> None:
    frames = [ball(left, (0, 0, 0, 0)) for left in (2, 8, 20)]
    with Image.open(io.BytesIO(encode_animation(frames, "webp", 20))) as read:
        seen = [np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(read)]
    assert all(np.array_equal(*pair) for pair in zip(seen, map(np.array, frames), strict=True))


def test_mp4_of_odd_size_is_readable() -> None:
    av = pytest.importorskip("av")
    frames = [ball(left, (255, 255, 255, 255)).convert("RGB") for left in (2, 8, 20)]
    with av.open(io.BytesIO(encode_animation(frames, "mp4", 20))) as read:
        assert read.streams.video[0].average_rate == 20
        seen = [frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)]
    assert [frame.shape for frame in seen] == [(32, 32, 3)] * 3
    assert abs(seen[2][12:20, 22:28].astype(int) - (250, 120, 10)).mean() < 25


def test_invalid_animations_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    check_animation("gif", 48, 128, MAX_FPS)
    with pytest.raises(OutputInvalid, match="too many"):
        check_animation("gif", 10_000, 4096, 24)
    with pytest.raises(OutputInvalid, match="fps 51"):
        check_animation("gif", 48, 128, MAX_FPS + 1)
    imported = builtins.__import__

    def without_av(name: str, *arguments: Any) -> object:
        if name == "av":
            raise ModuleNotFoundError("no av", name="av")
        return imported(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(MissingExtra, match=r"pokegan\[video\]"):
        check_animation("mp4", 48, 128, 24)
