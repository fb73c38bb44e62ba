"""The static page as a person meets it: Chromium, driven by Playwright, on a host under a sub-path.

Every visitor has an empty browser, and so loads and compiles everything.
"""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pgen
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgen.request import Request
from pokegan.image_metrics import premultiplied, psnr
from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, visitor
from tests.e2e.serving.site import Site, call, hosted
from tests.e2e.serving.views import (
    api,
    check_access,
    check_view,
    draw_morph,
    follow_suggestion,
    make_line,
    make_pokemon,
    pixels_of,
    read_about,
    shows,
    wait_until,
)

folder = pytest.importorskip("pgexport.targets.web.folder")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

OFFLINE_AFTER = "navigator.serviceWorker.ready.then(() => true)"
"""Resolves when everything that names need is kept for a visit offline."""

SWIFTSHADER = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
"""WebGPU on a CPU, for machines without a GPU."""


@pytest.fixture(scope="module")
def opened(browser: Any, written: Path) -> Iterator[Watched]:
    """A visit that several tests share, because each new one loads and compiles everything."""
    with hosted(written) as site, visitor(browser, site.address, DESKTOP) as watched:
        watched.open()
        yield watched


@pytest.fixture
def address(site: Site) -> str:
    return site.address


def file_of(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])


def decoded(url: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file_of(url))) as image:
        assert image.mode == "RGBA"
        return np.asarray(image)


def check_within_tolerance(drawn: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Hold pictures (N, S, S, 4) to the limits that the manifest names for the differences from PyTorch."""
    figures = open_bundle(EMBEDDED).model("text-to-image").parity["figures"]
    difference = premultiplied(drawn) - premultiplied(expected)
    assert psnr(difference) >= figures["psnr"]["limit"]
    assert np.quantile(np.abs(difference), 0.999) <= figures["most"]["limit"]


def test_every_view_works_in_one_visit(anyone: Watched, site: Site) -> None:
    page = anyone.page
    anyone.open()
    check_access(page)
    api.expect(page.locator("#runs")).to_contain_text("The networks run in this browser, on WebAssembly, 1 thread.")
    assert not [path for path, _ in site.sent if "encoder" in path]

    page.get_by_label("Pictures").fill("2")
    page.get_by_label("A name or a sentence").fill("a small blue turtle")
    page.keyboard.press("Enter")
    shows(page, "draw", "2 pictures of “a small blue turtle”")
    pictures = page.get_by_role("img", name="Generated picture of “a small blue turtle”, seed")
    api.expect(pictures).to_have_count(2)
    assert [path for path, _ in site.sent if "encoder" in path]
    assert page.get_by_role("button", name="Sprite").count() == 0
    check_view(anyone)

    draw_morph(anyone, 3)
    page.get_by_role("tab", name="Fuse").click()
    page.get_by_label("First parent").fill("Charizard")
    page.get_by_label("Second parent").fill("Gengar")
    page.get_by_role("button", name="Fuse", exact=True).click()
    shows(page, "fuse", "8 fusions of “Charizard” and “Gengar”.")
    check_view(anyone)
    make_pokemon(anyone)
    make_line(anyone)
    read_about(anyone)

    page.get_by_role("tab", name="Draw").click()
    api.expect(pictures).to_have_count(2)  # as it was left
    assert anyone.elsewhere == []
    assert {path for path, _ in site.sent if not path.startswith("/a/sub-path/")} == set()
    assert anyone.faults == []


def test_page_works_with_the_keyboard_alone(desktop: Watched) -> None:
    page = desktop.page
    desktop.open()
    for name in ("Skip to content", "Draw", "Dark mode"):
        page.keyboard.press("Tab")
        api.expect(page.locator(":focus")).to_have_text(re.compile(name))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    api.expect(page.get_by_label("A name or a sentence")).to_be_focused()
    page.keyboard.type("Mew")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    shows(page, "draw", "1 picture of “Mew”")
    seen = set()
    for _ in range(40):  # and out again at the end: no trap
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent"))
    assert {"Draw", "Surprise me", "Copy link", "Download seed 0", "More like this seed 0"} <= seen
    assert desktop.faults == []


PROMPTS = [
    "Charizard",
    "mr mime",
    "Glurak",
    "リザードン",
    "Nidoran♀",
    "Charizard (Mega X)",
    "a small blue turtle",
    "a red fire and flying dragon, wings",
    "Flabébé of the CAVE",
    "ein grünes Tier",
]


def test_pictures_are_within_the_tolerance_of_pgen(opened: Watched) -> None:
    page = opened.page
    page.evaluate("""() => {
        window.longest = 0
        window.began = performance.now()
        let before = began
        setInterval(() => {
            longest = Math.max(longest, performance.now() - before)
            before = performance.now()
        }, 5)
    }""")
    files = [file_of(call(page, "picture", prompt, 7, {}, {})) for prompt in PROMPTS]
    longest, took = page.evaluate("[longest, performance.now() - began]")
    assert longest < took / len(PROMPTS)  # the page's own thread draws none of them
    drawn = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    generator = pgen.load(device="cpu", threads=1)
    check_within_tolerance(np.stack(drawn), generator.images(PROMPTS, seed=7))
    shiny = decoded(call(page, "picture", "Mew", 3, {}, {"shiny": "true"}))
    check_within_tolerance(shiny[None], generator.images("Mew", seed=3, shiny=True))
    recolored = decoded(call(page, "picture", "Mew", 3, {}, {"colors": "Gengar"}))
    check_within_tolerance(recolored[None], generator.images("Mew", seed=3, colors="Gengar"))


def test_fusions_and_frames_are_within_the_tolerance_of_pgen(opened: Watched, tmp_path: Path) -> None:
    page = opened.page
    generator = pgen.load(device="cpu", threads=1)
    body = {"parents": ["Charizard", "Gengar"], "n": 2, "seed": 4}
    fusions = call(page, "fusions", body, {})
    expected = generator.fuse(body["parents"], n=2, seed=4)
    check_within_tolerance(np.stack([decoded(fusion["picture"]) for fusion in fusions]), expected)
    (shiny,) = call(page, "fusions", body | {"n": 1, "shiny": True}, {})
    check_within_tolerance(decoded(shiny["picture"])[None], generator.fuse(body["parents"], seed=4, shiny=True))
    (tmp_path / "fusion.png").write_bytes(file_of(fusions[1]["picture"]))
    metadata = pgen.read_metadata(tmp_path / "fusion.png")
    assert metadata.requests == (Request("Charizard", 5, model="stackgan", fused=("Gengar",)),)
    assert metadata.bundle == generator.bundle.digest
    assert metadata.backend.startswith("CPUExecutionProvider, onnxruntime-web 1.")
    with Image.open(tmp_path / "fusion.png") as image:
        assert image.info["name"] == fusions[1]["name"]

    parameters = {"start": "Charizard", "end": "Mew", "seed": 0, "frames": 3}
    frames = call(page, "frames", parameters, {})
    expected = generator.morph("Charizard", "Mew", 3)
    check_within_tolerance(np.stack([decoded(frame) for frame in frames]), expected)
    with Image.open(io.BytesIO(file_of(call(page, "film", parameters, {})))) as film:
        assert (film.n_frames, film.info["loop"]) == (3, 0)
        film.seek(1)
        check_within_tolerance(np.asarray(film)[None], generator.morph("Charizard", "Mew", 3, loop=True)[1][None])


def test_new_pokemon_are_those_of_pgen(opened: Watched) -> None:
    entries = call(opened.page, "pokemon", {"n": 2, "seed": 12}, {})
    entries += call(opened.page, "pokemon", {"n": 1, "seed": 5, "type": "fire", "family": 2, "shiny": True}, {})
    generator = pgen.load(device="cpu", threads=1)
    expected = [*generator.dex(2, seed=12), *generator.dex(1, seed=5, type="fire", family=2, shiny=True)]
    for entry, other in zip(entries, expected, strict=True):
        described = other.described()
        assert {name: entry[name] for name in described} == described
        check_within_tolerance(decoded(entry["picture"])[None], other.pixels[None])
        with Image.open(io.BytesIO(file_of(entry["card"]))) as card:
            assert card.size == (1000, 1400)
            assert json.loads(card.info["dex"]) == described


def test_page_names_invalid_values_as_pgen_does(opened: Watched) -> None:
    page = opened.page
    opened.open("#morph?start=Mew&end=Mew&seed=0&frames=3")
    shows(page, "morph", "both ends are the same picture")
    opened.open("#draw?prompt=+&seed=0&n=1")
    shows(page, "draw", "the prompt is empty")
    assert page.get_by_role("button", name="Try again").count() == 0  # it would not help
    opened.open("#new?type=&total=20&family=2&seed=0&n=1")
    shows(page, "new", "total 20: the last stage of a line has 60 or more")


def test_misspelled_name_is_suggested_as_a_link(opened: Watched) -> None:
    follow_suggestion(opened)


def test_link_shows_the_same_picture_to_others_and_with_threads(desktop: Watched, browser: Any, site: Site) -> None:
    def shown(watched: Watched) -> str:
        shows(watched.page, "draw", "1 picture of “Abra”")
        return pixels_of(watched.page.locator("#gallery .ground"))

    desktop.open(link := "#draw?prompt=Abra&seed=3&n=1&shiny=true")
    first = shown(desktop)
    with visitor(browser, site.address, PHONE) as other:
        other.open(link)
        assert shown(other) == first
    assert desktop.page.evaluate(OFFLINE_AFTER)
    desktop.page.reload()
    assert shown(desktop) == first
    assert desktop.page.evaluate("crossOriginIsolated")  # the service worker adds the headers
    threads = min(4, desktop.page.evaluate("navigator.hardwareConcurrency"))
    api.expect(desktop.page.locator("#runs")).to_contain_text(f"on WebAssembly, {threads} thread")
    assert desktop.faults == []


def refused_in_worker(page: Any) -> str:
    """Return which part of the policy refuses a request of the worker to another site; empty if none does."""
    (worker,) = [worker for worker in page.workers if "engine/worker.js" in worker.url]
    directive: str = worker.evaluate("""() => new Promise((resolve) => {
        addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective))
        fetch("https://elsewhere.invalid/").catch(() => setTimeout(() => resolve(""), 1000))
    })""")
    return directive


def test_page_works_under_the_headers_of_its_folder(desktop: Watched, site: Site) -> None:
    page = desktop.page
    site.sends_headers = True
    desktop.open("#draw?prompt=a+green+frog&seed=0&n=1")
    shows(page, "draw", "1 picture of “a green frog”")
    assert page.evaluate("crossOriginIsolated")  # in the first visit
    threads = min(4, page.evaluate("navigator.hardwareConcurrency"))
    api.expect(page.locator("#runs")).to_contain_text(f"on WebAssembly, {threads} thread")
    make_pokemon(desktop)
    assert page.evaluate(OFFLINE_AFTER)
    assert desktop.faults == []
    assert refused_in_worker(page) == "connect-src"
    site.sends_headers = False
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    page.reload()
    shows(page, "draw", "1 picture of “Mew”")
    assert refused_in_worker(page) == "connect-src"  # by the service worker's headers


def check_installable(page: Any) -> None:
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["display"] == "standalone"
    reasons = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [reason["errorId"] for reason in reasons if reason["errorId"] != "in-incognito"] == []


def test_page_can_be_installed_and_works_offline_after_the_first_visit(desktop: Watched, site: Site) -> None:
    page = desktop.page
    desktop.open()
    assert page.evaluate(OFFLINE_AFTER)
    check_installable(page)
    site.is_down = True
    page.reload()
    desktop.open("#draw?prompt=Charizard&seed=1&n=1")
    shows(page, "draw", "1 picture of “Charizard”")
    desktop.faults.clear()
    desktop.open("#draw?prompt=a+green+frog&seed=1&n=1")  # the encoder was never loaded
    shows(page, "draw", "cannot be loaded; check the connection")
    site.is_down = False
    page.get_by_role("button", name="Try again").click()
    shows(page, "draw", "1 picture of “a green frog”")
    site.is_down = True
    page.reload()
    shows(page, "draw", "1 picture of “a green frog”")


def test_service_worker_leaves_other_pages_below_its_folder_alone(
    desktop: Watched, site: Site, written: Path, tmp_path: Path
) -> None:
    site.folder = Path(shutil.copytree(written, tmp_path / "site"))
    (site.folder / "other").mkdir()
    (site.folder / "other" / "index.html").write_text("<!doctype html><title>Another page</title>")
    desktop.open()
    assert desktop.page.evaluate(OFFLINE_AFTER)
    desktop.page.reload()
    assert desktop.page.evaluate("crossOriginIsolated")
    response = desktop.page.goto(f"{site.address}other/index.html")
    assert desktop.page.title() == "Another page"
    assert not response.from_service_worker
    assert "cross-origin-embedder-policy" not in response.headers


def released(written: Path, place: Path, version: str) -> Path:
    """Export the page again, as another version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "__version__", version)
        folder.write_page(EMBEDDED, place)
    return place


def test_new_version_replaces_the_old_one_whole_or_not_at_all(
    desktop: Watched, site: Site, written: Path, tmp_path: Path
) -> None:
    page = desktop.page
    desktop.open("#about")
    assert page.evaluate(OFFLINE_AFTER)
    site.folder = released(written, tmp_path / "next", "99.1")
    site.changes["view.js"] = lambda content: content + b" "
    page.reload()
    api.expect(page.locator("#about")).to_contain_text(pgen.__version__)
    update = "navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => true, () => false)"
    page.evaluate(update)
    wait_until(page, "navigator.serviceWorker.getRegistration().then((one) => !one.installing)")
    assert page.evaluate("navigator.serviceWorker.getRegistration().then((one) => !one.waiting)")  # a file is wrong
    page.reload()
    api.expect(page.locator("#about")).to_contain_text(pgen.__version__)

    site.changes.clear()
    page.evaluate(update)
    page.get_by_role("button", name="Use the new version").click()
    api.expect(page.locator("#about")).to_contain_text("99.1")
    shutil.rmtree(tmp_path / "next")
    site.is_down = True
    page.reload()
    api.expect(page.locator("#about")).to_contain_text("99.1")
    assert page.evaluate("caches.keys().then((names) => names.length)") == 2


@pytest.mark.slow
def test_webgpu_draws_the_same_pictures(site: Site) -> None:
    """Minutes, because the GPU is emulated."""
    site.sends_headers = True  # whose policy must suffice for the runtime of WebGPU, too
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *SWIFTSHADER])
        with visitor(chromium, site.address, DESKTOP) as watched:
            page = watched.page
            page.set_default_timeout(600_000)
            page.goto(f"{site.address}?engine=webgpu")
            api.expect(page.locator("#runs")).to_contain_text("on WebGPU.", timeout=600_000)
            drawn = decoded(call(page, "picture", "Mew", 7, {}, {}))
            check_within_tolerance(drawn[None], pgen.load(device="cpu", threads=1).images("Mew", seed=7))
        chromium.close()
