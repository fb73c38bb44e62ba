"""One generator for many threads, and many for one picture."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import click
import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.backends.devices import open_model
from pgen.cli import main
from pgen.commands import options
from pgen.request import Request, requests

PROMPTS = ["redball", "a green egg", "something long that no bundle stores", "bluewings"]


def test_eight_threads_draw_what_one_draws(full_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counted(bundle: pgen.Bundle, model: object, *arguments: object) -> object:
        opened.append(model.file)  # type: ignore[attr-defined]
        return open_model(bundle, model, *arguments)  # type: ignore[arg-type]

    for module in ("images.model", "text_encoder"):
        monkeypatch.setattr(f"pgen.{module}.open_model", counted)
    jobs = [list(requests(PROMPTS, [thread, 99], Request("", 0, stage=1 + thread % 2))) for thread in range(6)]
    jobs += [[Request("", seed, model) for seed in range(5)] for model in ("dcgan", "wgan")]
    generator, barrier = pgen.load(full_bundle, "cpu", threads=1), Barrier(8)

    def draw(job: list[Request]) -> list[bytes]:
        barrier.wait()  # all begin on a generator that has opened nothing
        return [picture.pixels.tobytes() for picture in generator.stream(job, batch=3)]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, jobs))
    assert sorted(opened) == ["dcgan.onnx", "encoder.onnx", "stackgan.onnx", "wgan.onnx"], "each once"
    serial = pgen.load(full_bundle, "cpu", threads=1)
    assert together == [[picture.pixels.tobytes() for picture in serial.stream(job)] for job in jobs]


def test_neither_batch_nor_threads_change_the_embedded_pictures() -> None:
    prompts = ["Charizard", "a red fire dragon", "Mew", "a small blue turtle", "Ditto"]
    expected = pgen.load(threads=1).images(prompts, seed=3, batch=5)
    for threads, batch in ((1, 1), (2, 2), (3, 4)):
        assert np.array_equal(pgen.load(threads=threads).images(prompts, seed=3, batch=batch), expected)


def test_neither_order_nor_neighbors_change_a_picture() -> None:
    generator = pgen.load()
    batch = list(requests(["Mew", "a red fire dragon"], [0, 7]))
    forwards = {picture.request: picture.pixels for picture in generator.stream(batch)}
    for picture in generator.stream(reversed(batch), batch=3):
        assert np.array_equal(picture.pixels, forwards[picture.request])


@pytest.mark.parametrize(("cpus", "most"), [(2, 64), (16, 64), (32, 128)])
def test_threads_are_bounded(monkeypatch: pytest.MonkeyPatch, cpus: int, most: int) -> None:
    monkeypatch.setattr("pgen.backends.cores.cores", lambda: cpus)

    @click.command()
    @options.device_options
    def take(threads: int, **others: object) -> None:
        click.echo(threads)

    call = CliRunner().invoke
    assert call(take, ["--threads", str(most)]).output == f"{most}\n"
    for refused in (most + 1, 100_000):
        done = call(take, ["--threads", str(refused)])
        assert done.exit_code == 2
        assert f"{refused} are too many for {cpus} cores; use at most {most}" in done.stderr


@pytest.mark.parametrize("arguments", [["image", "Mew"], ["stats"]])
def test_too_many_threads_are_one_line(arguments: list[str]) -> None:
    # A bundle that is not there: should the check be lost, nothing starts.
    done = CliRunner().invoke(main, [*arguments, "--threads", "100000", "--bundle", "nowhere"])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "--threads" in done.stderr
