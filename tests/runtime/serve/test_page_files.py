"""The page's files, read as text: what they promise can be checked without a browser."""

import re
from pathlib import Path

import pytest

import pgen
from pgen.dex.colors import TYPES, text_color
from pgen.dex.radar import FULL

PAGE = Path(pgen.__file__).parent / "web"
FILES = sorted(PAGE.iterdir())


def read(name: str) -> str:
    return (PAGE / name).read_text("utf-8")


def test_badges_have_the_colors_of_the_cards() -> None:
    colors = dict(re.findall(r"\.type-(\w+) \{ (--type: #\w{6}; --type-ink: #\w{6};) \}", read("style.css")))
    assert colors == {name: f"--type: {color}; --type-ink: {text_color(color)};" for name, color in TYPES.items()}


def test_page_offers_every_type() -> None:
    (listed,) = re.findall(r'TYPES =\s+"([a-z ]+)"', read("dex.js"))
    assert listed.split() == list(TYPES)


def test_bars_scale_as_on_the_cards() -> None:
    assert f"FULL = {FULL};" in read("dex.js")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_page_loads_nothing_from_other_hosts(path: Path) -> None:
    known = {"http://www.w3.org/2000/svg"}  # the name of SVG, which nobody fetches
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", path.read_text("utf-8"))) <= known


def test_referenced_files_exist() -> None:
    named = {name for name in re.findall(r'(?:src|href)="static/([^"]+)"', read("index.html"))}
    for path in PAGE.glob("*.js"):
        named |= {name.removeprefix("./") for name in re.findall(r'from "([^"]+)"', path.read_text("utf-8"))}
    assert named == {path.name for path in FILES} - {"index.html"}


def test_markup_fits_the_content_security_policy() -> None:
    markup = read("index.html")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", markup)
    assert all(re.search(rf'id="{name}"', markup) for name in re.findall(r'(?:for|aria-controls)="([\w-]+)"', markup))


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.js")), ids=lambda path: path.name)
def test_scripts_parse_no_text_as_markup(path: Path) -> None:
    dangerous = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser|\beval\b|new Function"
    assert not re.search(dangerous, path.read_text("utf-8"))
