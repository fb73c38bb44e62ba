"""Pictures from the shell: where prompts come from, where pictures go, and that they can be made again."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import pgen
from tests.conftest import Command, pixels
from tests.e2e.conftest import Made


def test_default_destination_is_the_current_folder(made: Made, tiny_bundle: Path, tmp_path: Path) -> None:
    printed = made("image", "redball", "Ré", "--seeds", "3,7-8", "--bundle", tiny_bundle, cwd=tmp_path)
    assert printed[:3] == ["redball_3.png", "redball_7.png", "redball_8.png"]
    assert sorted(printed) == sorted(path.name for path in tmp_path.iterdir())
    expected = pgen.load(tiny_bundle).images(["redball"], seeds="3,7-8")
    assert all(np.array_equal(pixels(tmp_path / name), one) for name, one in zip(printed, expected, strict=False))


def test_prompts_from_a_file_and_from_stdin(made: Made, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bluewings\n\na green egg\n")
    options = ["--file", tmp_path / "list.txt", "--bundle", tiny_bundle, "--out-dir", tmp_path / "new"]
    printed = made("image", "redball", "-", *options, input="mew\neevee\n")
    names = [Path(line).name for line in printed]
    assert names == ["redball_0.png", "mew_0.png", "eevee_0.png", "bluewings_0.png", "a-green-egg_0.png"]


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF")])
def test_picture_is_written_to_a_pipe(
    command: Command, tiny_bundle: Path, tmp_path: Path, format: str, kind: str
) -> None:
    options = ["--out", "-", "--format", format, "--bundle", tiny_bundle]
    done = command("pgen", "image", "redball", *options, text=False, cwd=tmp_path)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == (kind, (128, 128))
    assert done.stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_json_describes_every_picture(made: Made, tiny_bundle: Path, tmp_path: Path) -> None:
    printed = made("image", "ré", "mew", "-n", 2, "--json", "--bundle", tiny_bundle, cwd=tmp_path)
    described = [json.loads(line) for line in printed]
    assert [(one["prompt"], one["seed"], one["model"]) for one in described] == [
        (prompt, seed, "stackgan") for prompt in ("ré", "mew") for seed in (0, 1)
    ]
    assert all((tmp_path / one["file"]).is_file() and one["milliseconds"] > 0 for one in described)


def test_quiet_prints_nothing(made: Made, tiny_bundle: Path, tmp_path: Path) -> None:
    assert made("image", "mew", "--quiet", "--bundle", tiny_bundle, cwd=tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mew_0.png"]


@pytest.mark.parametrize("model", ["dcgan", "wgan", "stackgan"])
def test_random_pictures_of_every_model(made: Made, full_bundle: Path, tmp_path: Path, model: str) -> None:
    options = ["--model", model, "-n", 5, "--grid", "--columns", 5, "--json", "--bundle", full_bundle]
    (line,) = made("random", *options, cwd=tmp_path)
    described = json.loads(line)
    assert described["model"] == model
    assert all((picture["prompt"] != "") == (model == "stackgan") for picture in described["pictures"])
    expected = np.concatenate(pgen.load(full_bundle).random(5, model=model), axis=1)
    assert np.array_equal(pixels(tmp_path / described["file"]), expected)
    options = ["--bundle", full_bundle, "--out", tmp_path / "again.webp"]
    made("reproduce", tmp_path / described["file"], *options)
    assert np.array_equal(pixels(tmp_path / "again.webp"), expected)


FINISHES = [
    ["--size", "200", "--out", "a.png"],
    ["--size", "32", "--background", "#f80", "--truncation", "0.7", "--out", "a.webp"],
    ["--size", "256", "--resample", "nearest", "--stage", "1", "--out", "a.gif"],
    ["--grid", "-n", "3", "--columns", "2", "--background", "white", "--out", "a.png"],
]


@pytest.mark.parametrize("options", FINISHES)
def test_reproduce_writes_equal_files(made: Made, tiny_bundle: Path, tmp_path: Path, options: list[str]) -> None:
    bundle = ["--bundle", tiny_bundle]
    (first,) = made("image", "a green egg", "--seed", 12, *options, *bundle, cwd=tmp_path)
    (second,) = made("reproduce", first, *bundle, cwd=tmp_path)
    assert second == f"a.again{Path(first).suffix}"
    assert (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes()
    if not first.endswith("gif"):
        again = np.array(pgen.reproduce(tmp_path / first, tiny_bundle).convert("RGBA"))
        assert np.array_equal(again, pixels(tmp_path / first))


def test_reproduce_rejects_other_bundles_and_files(
    command: Command, made: Made, tiny_bundle: Path, tmp_path: Path
) -> None:
    made("image", "mew", "--out", tmp_path / "a.png", "--bundle", tiny_bundle)
    (tmp_path / "b.png").write_bytes(b"no picture")
    for name, message in (("a.png", "--bundle"), ("b.png", "neither PNG"), ("none.png", "none.png")):
        done = command("pgen", "reproduce", tmp_path / name, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_variations_keep_prompt_and_settings(made: Made, tiny_bundle: Path, tmp_path: Path) -> None:
    options = ["--bundle", tiny_bundle]
    made("image", "mew", "--seed", 4, "--truncation", 0.5, "--out", "a.png", *options, cwd=tmp_path)
    printed = made("variations", "a.png", "-n", 2, *options, cwd=tmp_path)
    assert printed == ["mew_5_t0.5.png", "mew_6_t0.5.png"]
    variations = np.stack([pixels(tmp_path / name) for name in printed])
    assert np.array_equal(variations, pgen.load(tiny_bundle).variations(tmp_path / "a.png", 2))
    assert np.array_equal(variations, pgen.load(tiny_bundle).images("mew", 2, 5, truncation=0.5))


@pytest.mark.parametrize("out", ["film.gif", "film.webp", "film.mp4"])
def test_morph_writes_animations(made: Made, tiny_bundle: Path, tmp_path: Path, out: str) -> None:
    options = ["--frames", 9, "--fps", 25, "--size", 32, "--json", "--bundle", tiny_bundle, "--out", out]
    (line,) = made("morph", "redball", "mew", *options, cwd=tmp_path)
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
