"""Fusions, shinies, families and sprites from the shell, by the embedded bundle."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

import pgen
from tests.conftest import Command, pixels
from tests.e2e.conftest import Made


def test_fusions_are_written_named_and_reproduced(made: Made, tmp_path: Path) -> None:
    options = ["--stage", 1, "--colors-of", "Mew", "--json", "--device", "cpu"]
    lines = made("fuse", "Charizard", "Gengar", "-n", 2, *options, cwd=tmp_path)
    described = [json.loads(line) for line in lines]
    assert [(one["prompt"], one["fused"], one["seed"], one["colors"]) for one in described] == [
        ("Charizard", ["Gengar"], seed, "Mew") for seed in (0, 1)
    ]
    files = [tmp_path / one["file"] for one in described]
    expected = pgen.load(device="cpu").fuse(["Charizard", "Gengar"], 2, stage=1, colors="Mew")
    assert all(np.array_equal(pixels(file), one) for file, one in zip(files, expected, strict=True))
    with Image.open(files[0]) as image:
        assert image.info["name"] == described[0]["name"]
    made("reproduce", files[1], "--out", tmp_path / "again.png", "--device", "cpu", cwd=tmp_path)
    assert np.array_equal(pixels(tmp_path / "again.png"), expected[1])


def test_shiny_grid_is_reproduced(made: Made, tmp_path: Path) -> None:
    grid = ["--stage", 1, "--shiny", "--grid", "--out", "grid.png", "--device", "cpu"]
    made("fuse", "Mew", "Muk", "-n", 2, *grid, cwd=tmp_path)
    made("reproduce", "grid.png", "--out", "again.png", "--device", "cpu", cwd=tmp_path)
    assert np.array_equal(pixels(tmp_path / "grid.png"), pixels(tmp_path / "again.png"))


def test_misspelt_parent_gets_a_note_and_a_picture(command: Command, tmp_path: Path) -> None:
    done = command("pgen", "fuse", "Mew", "Charzard", "--stage", 1, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0
    assert "prompt 'Charzard': did you mean Charizard?" in done.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_fusion_of_one_parent_is_rejected(command: Command, tmp_path: Path) -> None:
    for parents in (["Mew"], []):
        done = command("pgen", "fuse", *parents, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "2 to 6 parents" in done.stderr


def test_family_gets_cards_and_a_sheet(command: Command, made: Made, tmp_path: Path) -> None:
    printed = made("dex", "--family", 2, "--seed", 5, "--shiny", "--out", "line", "--device", "cpu", cwd=tmp_path)
    *cards, sheet = (tmp_path / line for line in printed)
    assert [card.suffix for card in cards] == [".png", ".png"]
    assert sheet.name.startswith("family_")
    listed = json.loads((tmp_path / "line" / "dex.json").read_text("utf-8"))["pokemon"]
    assert [entry["card"] for entry in listed] == [card.name for card in cards]
    assert [entry["name"] for entry in listed] == listed[0]["family"]
    assert all(entry["shiny"] for entry in listed)
    with Image.open(sheet) as image:
        assert image.width > image.height
    printed = made("reproduce", sheet, "--device", "cpu", cwd=tmp_path)
    assert printed == [f"{sheet.stem}.again.png"]
    assert (tmp_path / printed[0]).read_bytes() == sheet.read_bytes()
    done = command("pgen", "reproduce", sheet, "--out", "again.webp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "end the name with .png" in done.stderr


def test_sprites_are_written_into_the_folders_of_their_game(command: Command, made: Made, tmp_path: Path) -> None:
    options = ["--format", "pokeemerald", "--out-dir", "game", "--json", "--device", "cpu"]
    (line,) = made("sprite", "Mew", "--seed", 2, *options, cwd=tmp_path)
    files = {Path(file).name: tmp_path / file for file in json.loads(line)["files"]}
    assert {*files} == {"front.png", "anim_front.png", "icon.png", "normal.pal", "shiny.pal"}
    assert files["front.png"].parent == tmp_path / "game" / "graphics" / "pokemon" / "mew_2"
    with Image.open(files["front.png"]) as image:
        assert (image.mode, image.size) == ("P", (64, 64))
    made("reproduce", files["icon.png"], "--out", "again.png", "--device", "cpu", cwd=tmp_path)
    assert (tmp_path / "again.png").read_bytes() == files["icon.png"].read_bytes()
    done = command("pgen", "variations", files["front.png"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a sprite; use a picture" in done.stderr
