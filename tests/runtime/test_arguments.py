"""The Python interface accepts and rejects the same values as the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.cli import main
from pokegan.errors import PokeganError


def test_paths_may_be_strings(tiny_bundle: Path, tmp_path: Path) -> None:
    job = pgen.Job([pgen.Request("redball", 1)], bundle=str(tiny_bundle))
    pgen.write_one(job, f"{tmp_path}/one.png")
    pgen.write_grid(job, f"{tmp_path}/grid.png")
    ends = pgen.Request("redball", 1), pgen.Request("bluewings", 2)
    pgen.write_morph(pgen.MorphJob(*ends, frames=3, bundle=str(tiny_bundle)), f"{tmp_path}/film.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.gif", "grid.png", "one.png"]
    assert pgen.read_metadata(f"{tmp_path}/one.png").requests == (pgen.Request("redball", 1, "stackgan"),)
    generator = pgen.load()
    pgen.write_stats(generator, f"{tmp_path}/rows.csv", 1)
    assert [card.file.parent for card in pgen.write_dex(generator.dex(), f"{tmp_path}/dex")] == [tmp_path / "dex"]
    assert pgen.reproduce(f"{tmp_path}/one.png", str(tiny_bundle)).size == (128, 128)
    assert pgen.open_bundle(str(tiny_bundle)).digest == pgen.read_metadata(f"{tmp_path}/grid.png").bundle


def test_seeds_may_be_numpy_integers() -> None:
    assert json.dumps(pgen.Request("mew", np.int64(7)).seed) == "7"  # type: ignore[arg-type]


EDGE = 2**64 - 1


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.uint64, int])
def test_numbers_of_numpy_are_exact(kind: Callable[[int], int]) -> None:
    generator = pgen.load(device="cpu")
    assert len(pgen.choose_seeds(kind(200), kind(200))) == 200
    assert list(pgen.choose_seeds(kind(2), np.uint64(EDGE - 1))) == [EDGE - 1, EDGE]  # type: ignore[arg-type]
    assert generator.images("Mew", n=kind(2), batch=kind(1)).shape[0] == 2
    assert len(generator.stats(kind(200), kind(200), total=kind(200))) == 200
    assert generator.morph("Mew", "Muk", frames=kind(3), batch=kind(2)).shape[0] == 3
    assert pgen.Job([], batch=kind(3), threads=kind(1)).batch == 3
    assert json.dumps(pgen.Postprocess(size=kind(200)).size) == "200"
    assert json.dumps(pgen.Request("mew", kind(7), stage=kind(1)).stage) == "1"
    assert pgen.load(threads=kind(1)).threads == 1


def test_seeds_of_numpy_stay_exact_at_the_edge() -> None:
    seeds = np.array([0, EDGE], np.uint64)
    assert pgen.choose_seeds(seeds=seeds) == [0, EDGE]  # type: ignore[arg-type]
    assert [request.seed for request in pgen.requests(["mew"], seeds)] == [0, EDGE]  # type: ignore[arg-type]


def test_no_request_is_lost() -> None:
    assert [request.prompt for request in pgen.requests("Mew", [0])] == ["Mew"]
    pairs = [(request.prompt, request.seed) for request in pgen.requests(["a", "b"], iter([1, 2]))]
    assert pairs == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert [request.seed for request in pgen.requests(["a"], "3-5")] == [3, 4, 5]


def test_negative_zero_is_zero() -> None:
    assert str(pgen.Request("mew", 0, truncation=-0.0).truncation) == "0.0"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pgen.load(threads=1.5), "threads 1.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.Job([], threads=1.5), "threads 1.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.Job([], shards="2"), "shards '2': must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load().stats(total=600.5), "total 600.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load().stats(n=1.0), "n 1.0: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load().stats(type=[1]), "type 1: must be text"),  # type: ignore[list-item]
        (lambda: pgen.load().images(None), "prompts None: must be a text"),  # type: ignore[arg-type]
        (lambda: pgen.load().images([None]), "prompt None: must be text"),  # type: ignore[list-item]
        (lambda: pgen.load().images(float("nan")), "prompts nan: must be a text"),  # type: ignore[arg-type]
        (lambda: pgen.load().images([float("nan")]), "prompt nan: must be text"),  # type: ignore[list-item]
        (lambda: pgen.load().images("mew", n=0), "n 0: must be the number of pictures"),
        (lambda: pgen.load().images("mew", n=2.0), "n 2.0: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load().images("mew", seeds=[0.5]), "seed 0.5: must be an integer"),  # type: ignore[list-item]
        (lambda: pgen.requests(["mew"], 5), "seeds 5: must be a list of integers"),  # type: ignore[arg-type]
        (lambda: pgen.Request("mew", 0, truncation=None), "truncation None: must be a number"),  # type: ignore[arg-type]
        (lambda: pgen.Request("mew", 0, truncation=float("nan")), "truncation nan: must be from 0"),
        (lambda: pgen.Request("mew", 0, stage=1.5), "stage 1.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.Postprocess(size=64.0), "size 64.0: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.Postprocess(background=None), "background None: must be text"),  # type: ignore[arg-type]
        (lambda: pgen.load().morph("mew", "muk", frames=3.5), "frames 3.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load(device="foo"), "device 'foo': unknown device; choose from auto, "),
        (lambda: pgen.load(device="CUDA"), "device 'CUDA'"),
        (lambda: pgen.load(threads=-1), "threads -1"),
        (lambda: pgen.Request("mew", 1.5), "seed 1.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.Request("mew", "1"), "seed '1': must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.choose_seeds(2, seed=2**64 - 1), "exceed the largest"),
        (lambda: pgen.load().images("mew", batch="auto"), "batch 'auto': must be an integer"),  # type: ignore[arg-type]
        (lambda: pgen.load().morph("mew", "muk", batch=0), "batch 0: must be an integer"),
        (lambda: pgen.load().images("a \udcff cat"), "not UTF-8 at character 3"),
    ],
)
def test_invalid_arguments_raise_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(PokeganError) as caught:
        call()
    assert message in caught.value.message
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("image mew --format png --out x.gif", "--format png and --out x.gif disagree"),
        ("image mew --json --out -", "--json prints to stdout"),
        ("image mew --json --quiet", "use either --quiet or --json"),
        ("dex --llm-timeout 3", "add --llm URL"),
        ("image mew -n 2 --seed 18446744073709551615", "exceed the largest"),
    ],
)
def test_contradicting_options_fail_in_one_line(
    call: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, call.split())
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
