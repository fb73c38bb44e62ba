"""One generator for many threads, and many for one picture."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

import pgen
from pgen.request import Request, requests
from pgen.session import open_model

PROMPTS = ["redball", "a green egg", "something long that no bundle stores", "bluewings"]


def test_eight_threads_draw_what_one_draws(full_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counted(bundle: pgen.Bundle, model: object, *arguments: object) -> object:
        opened.append(model.file)  # type: ignore[attr-defined]
        return open_model(bundle, model, *arguments)  # type: ignore[arg-type]

    for module in ("generator", "text"):
        monkeypatch.setattr(f"pgen.{module}.open_model", counted)
    jobs = [list(requests(PROMPTS, [thread, 99], Request("", 0, stage=1 + thread % 2))) for thread in range(6)]
    jobs += [[Request("", seed, model) for seed in range(5)] for model in ("dcgan", "wgan")]
    generator, barrier = pgen.load(full_bundle, "cpu", threads=1), Barrier(8)

    def draw(wanted: list[Request]) -> list[bytes]:
        barrier.wait()  # all begin on a generator that has opened nothing
        return [picture.pixels.tobytes() for picture in generator.stream(wanted, batch=3)]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, jobs))
    assert sorted(opened) == ["dcgan.onnx", "encoder.onnx", "stackgan.onnx", "wgan.onnx"], "each once"
    serial = pgen.load(full_bundle, "cpu", threads=1)
    assert together == [[picture.pixels.tobytes() for picture in serial.stream(wanted)] for wanted in jobs]


def test_neither_batch_nor_threads_change_the_embedded_pictures() -> None:
    prompts = ["Charizard", "a red fire dragon", "Mew", "a small blue turtle", "Ditto"]
    expected = pgen.load(threads=1).images(prompts, seed=3, batch=5)
    for threads, batch in ((1, 1), (2, 2), (3, 4)):
        assert np.array_equal(pgen.load(threads=threads).images(prompts, seed=3, batch=batch), expected)


def test_neither_order_nor_neighbours_change_a_picture() -> None:
    generator = pgen.load()
    wanted = list(requests(["Mew", "a red fire dragon"], [0, 7]))
    forwards = {picture.request: picture.pixels for picture in generator.stream(wanted)}
    for picture in generator.stream(reversed(wanted), batch=3):
        assert np.array_equal(picture.pixels, forwards[picture.request])
