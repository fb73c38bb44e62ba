"""Steps through the views of the page, which the served and the static one share."""

import base64
import io
import json
import re
import time
from typing import Any

import pytest
from PIL import Image

import pgen
from pgen.dex.card import GAP, SIZE
from tests.e2e.serving.browser import SLOW, Watched

api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="needs axe: pip install axe-playwright-python"
)


def status(page: Any, view: str) -> Any:
    return page.locator(f"#view-{view} .status")


def shows(page: Any, view: str, text: str) -> None:
    api.expect(status(page, view)).to_contain_text(text)


def wait_until(page: Any, expression: str) -> None:
    """Wait until a promise resolves to what is true, which Playwright's own wait_for_function does not wait for."""
    end = time.monotonic() + SLOW / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def check_access(page: Any) -> None:
    """Find what hinders people who see little, or use no mouse."""
    violations = axe.Axe().run(page).response["violations"]
    grave = [fault for fault in violations if fault["impact"] in ("serious", "critical")]
    assert not grave, [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in grave]


def check_view(watched: Watched) -> None:
    check_access(watched.page)
    assert watched.overflow <= 0


def pixels_of(image: Any) -> str:
    """Read the pixels that an image shows, as a PNG in base64."""
    png: str = image.evaluate("""async (image) => {
        await image.decode()
        const canvas = document.createElement("canvas")
        canvas.width = image.naturalWidth
        canvas.height = image.naturalHeight
        canvas.getContext("2d").drawImage(image, 0, 0)
        return canvas.toDataURL()
    }""")
    return png


def draw_morph(watched: Watched, frames: int) -> None:
    page = watched.page
    page.get_by_role("tab", name="Morph").click()
    page.get_by_label("From").fill("Charizard")
    page.get_by_label("To", exact=True).fill("Blastoise")
    page.get_by_label("Frames").fill(str(frames))
    page.get_by_role("button", name="Morph", exact=True).click()
    shows(page, "morph", f"{frames} frames from “Charizard” to “Blastoise”.")
    check_view(watched)


def make_pokemon(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("tab", name="New Pokémon").click()
    page.get_by_label("Type").select_option("water")
    page.get_by_role("button", name="Make").click()
    shows(page, "new", "Here is")
    assert "Water" in page.get_by_role("list", name="Types").inner_text()
    check_view(watched)


def make_line(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("tab", name="New Pokémon").click()
    page.get_by_label("Line").select_option("two stages")
    page.get_by_role("button", name="Make").click()
    shows(page, "new", "Here are")
    api.expect(page.locator("#cards article")).to_have_count(2)
    (names,) = re.findall(r"Here are (\w+), (\w+)\.", status(page, "new").inner_text())
    link = page.get_by_role("link", name="Download sheet of the line")
    api.expect(link).to_have_count(1)
    assert link.get_attribute("download") == f"family_{names[1].lower()}_0.png"
    with Image.open(io.BytesIO(base64.b64decode(link.get_attribute("href").partition(",")[2]))) as sheet:
        assert sheet.size == (2 * SIZE[0] // 2 + GAP, SIZE[1] // 2)
        assert [stage["name"] for stage in json.loads(sheet.info["dex"])] == [*names]
    check_view(watched)


def follow_suggestion(watched: Watched) -> None:
    """Misspell a name in two fields, and follow the links of both suggestions."""
    page = watched.page
    watched.open("#draw?prompt=Charzard&seed=3&n=1&colors=Genger")
    shows(page, "draw", "1 picture of “Charzard”")
    shows(page, "draw", "“Charzard”: did you mean Charizard? “Genger”: did you mean Gengar?")
    check_view(watched)
    status(page, "draw").get_by_role("link", name="Charizard").click()
    shows(page, "draw", "1 picture of “Charizard”")
    status(page, "draw").get_by_role("link", name="Gengar").click()
    api.expect(status(page, "draw")).to_have_text(re.compile(r"^1 picture of “Charizard”; the first after [\d.]+ s\.$"))
    fields = {"prompt": "Charizard", "seed": "3", "n": "1", "colors": "Gengar"}
    assert page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]))") == fields
    watched.open("#fuse?first=Mew&second=дракон&seed=0")
    shows(page, "fuse", "“дракон”: most of it is unknown to the model")


def check_result_is_in_sight(watched: Watched) -> None:
    """Follow a link; its picture must be visible without scrolling."""
    watched.open("#draw?prompt=Mew&seed=0&n=1")
    shows(watched.page, "draw", "1 picture of “Mew”")
    api.expect(status(watched.page, "draw")).to_be_in_viewport(ratio=1)
    api.expect(watched.page.locator("#gallery img")).to_be_in_viewport(ratio=0.5)


ARROW = 24
"""Pixels that Chromium keeps free in a field with suggestions."""

PLACEHOLDERS = """() => [...document.querySelectorAll("#view-draw input[placeholder]")].map((field) => {
    const { font, paddingLeft, paddingRight } = getComputedStyle(field)
    const context = document.createElement("canvas").getContext("2d")
    context.font = font
    const room = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
    return room - context.measureText(field.placeholder).width
})"""


def check_placeholders(watched: Watched) -> None:
    """Hints in empty fields must fit in windows of every usual width."""
    for width in (360, 768, 1024, 1200, 1440):
        watched.page.set_viewport_size({"width": width, "height": 800})
        assert min(watched.page.evaluate(PLACEHOLDERS)) >= ARROW, width


def read_about(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("tab", name="About").click()
    api.expect(page.locator("#about")).to_contain_text(pgen.__version__)
    page.locator("#about details").evaluate_all("folded => folded.forEach((one) => (one.open = true))")
    card = page.get_by_role("heading", name="stackgan").locator("..")
    assert "PSNR" in card.get_by_role("group").filter(has_text="Parity with PyTorch").first.inner_text()
    assert "[object" not in page.locator("#about").inner_text()
    check_view(watched)
