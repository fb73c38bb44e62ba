"""Python takes the words that the command takes, and refuses what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.cli import main
from pokegan.errors import PokeganError


def test_places_may_be_texts(tiny_bundle: Path, tmp_path: Path) -> None:
    job = pgen.Job([pgen.Request("redball", 1)], bundle=str(tiny_bundle))
    pgen.write_one(job, f"{tmp_path}/one.png")
    pgen.write_grid(job, f"{tmp_path}/grid.png")
    ends = pgen.Request("redball", 1), pgen.Request("bluewings", 2)
    pgen.write_morph(pgen.MorphJob(*ends, frames=3, bundle=str(tiny_bundle)), f"{tmp_path}/film.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.gif", "grid.png", "one.png"]
    assert pgen.read_made(f"{tmp_path}/one.png").requests == (pgen.Request("redball", 1, "stackgan"),)
    assert pgen.reproduce(f"{tmp_path}/one.png", str(tiny_bundle)).size == (128, 128)
    assert pgen.open_bundle(str(tiny_bundle)).digest == pgen.read_made(f"{tmp_path}/grid.png").bundle


def test_numbers_of_numpy_are_numbers() -> None:
    assert json.dumps(pgen.Request("mew", np.int64(7)).seed) == "7"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: pgen.load(device="foo"), "device 'foo': unknown device; choose from auto, "),
        (lambda: pgen.load(device="CUDA"), "device 'CUDA'"),
        (lambda: pgen.load(threads=-1), "threads -1"),
        (lambda: pgen.Request("mew", 1.5), "seed 1.5: give a whole number"),  # type: ignore[arg-type]
        (lambda: pgen.Request("mew", "1"), "seed '1': give a whole number"),  # type: ignore[arg-type]
        (lambda: pgen.choose_seeds(2, seed=2**64 - 1), "go beyond the last"),
        (lambda: pgen.load().images("mew", batch="auto"), "batch 'auto': give a number"),  # type: ignore[arg-type]
        (lambda: pgen.load().morph("mew", "muk", batch=0), "batch 0: give a number"),
        (lambda: pgen.load().images("a \udcff cat"), "not UTF-8 at character 3"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call: Callable[[], object], told: str) -> None:
    with pytest.raises(PokeganError) as caught:
        call()
    assert told in caught.value.message
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("image mew --format png --out x.gif", "--format png and --out x.gif disagree"),
        ("image mew --json --out -", "--json prints to stdout"),
        ("image mew --json --quiet", "--quiet prints nothing"),
        ("dex --llm-timeout 3", "add --llm URL"),
        ("image mew -n 2 --seed 18446744073709551615", "go beyond the last"),
    ],
)
def test_options_that_contradict_are_refused(
    call: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, call.split())
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
