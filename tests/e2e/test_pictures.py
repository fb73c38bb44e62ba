"""Pictures from the shell: where prompts come from, where pictures go, and that they can be made again."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

import pgen
from tests.conftest import Command

PROGRAM = [sys.executable, "-m", "pgen"]


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image.convert("RGBA"))


def made(command: Command, *arguments: object, **options: object) -> list[str]:
    done = command("pgen", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_default_destination_is_the_current_folder(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    printed = made(command, "image", "redball", "Ré", "--seeds", "3,7-8", "--bundle", tiny_bundle, cwd=tmp_path)
    assert printed[:3] == ["redball_3.png", "redball_7.png", "redball_8.png"]
    assert sorted(printed) == sorted(path.name for path in tmp_path.iterdir())
    expected = pgen.load(tiny_bundle).images(["redball"], seeds="3,7-8")
    assert all(np.array_equal(pixels(tmp_path / name), one) for name, one in zip(printed, expected, strict=False))


def test_prompts_from_a_file_and_from_stdin(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bluewings\n\na green egg\n")
    options = ["--file", tmp_path / "list.txt", "--bundle", tiny_bundle, "--out-dir", tmp_path / "new"]
    printed = made(command, "image", "redball", "-", *options, input="mew\neevee\n")
    names = [Path(line).name for line in printed]
    assert names == ["redball_0.png", "mew_0.png", "eevee_0.png", "bluewings_0.png", "a-green-egg_0.png"]


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF")])
def test_picture_is_written_to_a_pipe(tiny_bundle: Path, tmp_path: Path, format: str, kind: str) -> None:
    call = [*PROGRAM, "image", "redball", "--out", "-", "--format", format, "--bundle", str(tiny_bundle)]
    done = subprocess.run(call, capture_output=True, check=True, cwd=tmp_path)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == (kind, (128, 128))
    assert done.stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_json_describes_every_picture(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    printed = made(command, "image", "ré", "mew", "-n", 2, "--json", "--bundle", tiny_bundle, cwd=tmp_path)
    described = [json.loads(line) for line in printed]
    assert [(one["prompt"], one["seed"], one["model"]) for one in described] == [
        (prompt, seed, "stackgan") for prompt in ("ré", "mew") for seed in (0, 1)
    ]
    assert all((tmp_path / one["file"]).is_file() and one["milliseconds"] > 0 for one in described)


def test_quiet_prints_nothing(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    assert made(command, "image", "mew", "--quiet", "--bundle", tiny_bundle, cwd=tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mew_0.png"]


@pytest.mark.parametrize("model", ["dcgan", "wgan", "stackgan"])
def test_random_pictures_of_every_model(command: Command, full_bundle: Path, tmp_path: Path, model: str) -> None:
    options = ["--model", model, "-n", 5, "--grid", "--columns", 5, "--json", "--bundle", full_bundle]
    (line,) = made(command, "random", *options, cwd=tmp_path)
    described = json.loads(line)
    assert described["model"] == model
    assert all((picture["prompt"] != "") == (model == "stackgan") for picture in described["pictures"])
    expected = np.concatenate(pgen.load(full_bundle).random(5, model=model), axis=1)
    assert np.array_equal(pixels(tmp_path / described["file"]), expected)
    options = ["--bundle", full_bundle, "--out", tmp_path / "again.webp"]
    made(command, "reproduce", tmp_path / described["file"], *options)
    assert np.array_equal(pixels(tmp_path / "again.webp"), expected)


FINISHES = [
    ["--size", "200", "--out", "a.png"],
    ["--size", "32", "--background", "#f80", "--truncation", "0.7", "--out", "a.webp"],
    ["--size", "256", "--resample", "nearest", "--stage", "1", "--out", "a.gif"],
    ["--grid", "-n", "3", "--columns", "2", "--background", "white", "--out", "a.png"],
]


@pytest.mark.parametrize("options", FINISHES)
def test_reproduce_writes_equal_files(command: Command, tiny_bundle: Path, tmp_path: Path, options: list[str]) -> None:
    bundle = ["--bundle", tiny_bundle]
    (first,) = made(command, "image", "a green egg", "--seed", 12, *options, *bundle, cwd=tmp_path)
    (second,) = made(command, "reproduce", first, *bundle, cwd=tmp_path)
    assert second == f"a.again{Path(first).suffix}"
    assert (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes()
    if not first.endswith("gif"):
        again = np.array(pgen.reproduce(tmp_path / first, tiny_bundle).convert("RGBA"))
        assert np.array_equal(again, pixels(tmp_path / first))


def test_reproduce_rejects_other_bundles_and_files(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    made(command, "image", "mew", "--out", tmp_path / "a.png", "--bundle", tiny_bundle)
    (tmp_path / "b.png").write_bytes(b"no picture")
    for name, message in (("a.png", "--bundle"), ("b.png", "neither PNG"), ("none.png", "none.png")):
        done = command("pgen", "reproduce", tmp_path / name, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_variations_keep_prompt_and_settings(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    options = ["--bundle", tiny_bundle]
    made(command, "image", "mew", "--seed", 4, "--truncation", 0.5, "--out", "a.png", *options, cwd=tmp_path)
    printed = made(command, "variations", "a.png", "-n", 2, *options, cwd=tmp_path)
    assert printed == ["mew_5_t0.5.png", "mew_6_t0.5.png"]
    variations = np.stack([pixels(tmp_path / name) for name in printed])
    assert np.array_equal(variations, pgen.load(tiny_bundle).variations(tmp_path / "a.png", 2))
    assert np.array_equal(variations, pgen.load(tiny_bundle).images("mew", 2, 5, truncation=0.5))


@pytest.mark.parametrize("out", ["film.gif", "film.webp", "film.mp4"])
def test_morph_writes_animations(command: Command, tiny_bundle: Path, tmp_path: Path, out: str) -> None:
    options = ["--frames", 9, "--fps", 25, "--size", 32, "--json", "--bundle", tiny_bundle, "--out", out]
    (line,) = made(command, "morph", "redball", "mew", *options, cwd=tmp_path)
    assert {"from": {"prompt": "redball", "seed": 0}, "frames": 9, "file": out}.items() <= json.loads(line).items()
    if out == "film.mp4":
        with pytest.importorskip("av").open(str(tmp_path / out)) as film:
            count = sum(1 for _ in film.decode(video=0))
    else:
        with Image.open(tmp_path / out) as film:
            assert film.size == (32, 32)
            shown = [frame.copy().info.get("duration", 40) for frame in ImageSequence.Iterator(film)]
            count = sum(shown) // 40  # Pillow lets a GIF's equal frames stand longer
    assert count == 9


def test_python_m_pgen_runs_pgen(tmp_path: Path) -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pgen 0.")
