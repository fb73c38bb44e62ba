"""What users of other tools expect: random seeds, names of colors, JPEG, JSON Lines, pictures from a pipe."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pgen
from pgen.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str, stdin: bytes | None = None) -> Result:
    done = CliRunner().invoke(main, [*arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done


def test_random_seed_is_told(here: Path) -> None:
    seeds = [json.loads(call("image", "Mew", "--seed", "random", "--json", "--device", "cpu").stdout)["seed"]]
    seeds += [json.loads(call("stats", "-n", "1", "--seed", "random", "--format", "jsonl").stdout)["seed"]]
    assert len({*seeds, 0}) == 3
    assert (here / f"mew_{seeds[0]}.png").is_file()


def test_jpeg_is_white_where_the_picture_is_transparent_and_reproduces(here: Path) -> None:
    call("image", "Mew", "--seed", "3", "--device", "cpu", "--out", "a.jpg")
    with Image.open("a.jpg") as image:
        assert (image.format, image.mode, image.getpixel((0, 0))) == ("JPEG", "RGB", (255, 255, 255))
    assert pgen.read_metadata("a.jpg").requests[0].seed == 3
    call("reproduce", "a.jpg", "--device", "cpu", "--out", "b.jpeg")
    assert (here / "a.jpg").read_bytes() == (here / "b.jpeg").read_bytes()


def test_background_may_be_a_name() -> None:
    call("image", "Mew", "--background", "navy", "--device", "cpu", "--out", "a.png")
    with Image.open("a.png") as image:
        assert image.getpixel((0, 0)) == (0, 0, 128)


def test_rows_are_json_lines(here: Path) -> None:
    call("stats", "-n", "3", "--out", "rows.jsonl")
    rows = [json.loads(line) for line in (here / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [row["seed"] for row in rows] == [0, 1, 2]


def test_picture_from_a_pipe_is_reproduced(here: Path) -> None:
    call("image", "Mew", "--device", "cpu", "--out", "a.png")
    assert call("reproduce", "-", "--device", "cpu", stdin=(here / "a.png").read_bytes()).stdout == "stdin.again.png\n"
    assert (here / "stdin.again.png").read_bytes() == (here / "a.png").read_bytes()


def test_resume_takes_names_in_another_order_and_case(here: Path) -> None:
    call("image", "Mew", "MEW", "Muk", "--device", "cpu", "--out-dir", "out")
    call("image", "muk", "MEW", "Mew", "--device", "cpu", "--out-dir", "out", "--resume")
    assert {path.name.split("-")[0] for path in (here / "out").iterdir()} == {"mew_0.png", "mew", "muk_0.png"}


@pytest.mark.parametrize("stdin", ["", "\n \n"])
def test_empty_pipe_is_an_error_as_an_empty_file_is(stdin: str) -> None:
    done = CliRunner().invoke(main, ["image", "-", "--device", "cpu"], input=stdin)
    assert done.exit_code == 2
    assert done.stderr == "Error: stdin: contains no prompt; write one a line\n"


@pytest.mark.parametrize("package", ["pgen", "pgexport", "pgbench", "pgtrain"])
def test_package_runs_as_a_module(package: str) -> None:
    done = subprocess.run([sys.executable, "-m", package, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, package), done.stderr
