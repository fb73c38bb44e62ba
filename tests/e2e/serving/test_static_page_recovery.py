"""How the static page recovers: from damaged files, lost connections, and a GPU that fails, in Chromium."""

from typing import Any

import pytest

from tests.e2e.serving.browser import CHROMIUM, Watched
from tests.e2e.serving.site import Change, Site
from tests.e2e.serving.views import api, check_access, check_view, shows, status, wait_until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
def address(site: Site) -> str:
    return site.address


DAMAGE: dict[str, Change] = {
    "damaged": lambda content: content[:-9] + b"\0" + content[-8:],
    "missing": lambda content: None,
}

OFFLINE = "navigator.serviceWorker.getRegistration().then((one) => Boolean(one?.active))"
"""Is all that names need kept for a visit offline?"""


def broken(script: bytes) -> bytes:
    return script[: len(script) // 2] + b"\0("


def try_again(page: Any, site: Site) -> None:
    """Mend the site, and try again."""
    site.changes.clear()
    page.get_by_role("button", name="Try again").click()


def check_recovered(page: Any) -> None:
    """Check what is loaded beside the views: the note, suggestions, and the service worker."""
    api.expect(page.locator("#runs")).to_contain_text("The networks run in this browser, on WebAssembly")
    api.expect(page.locator("#names option").first).to_be_attached()
    wait_until(page, OFFLINE)


@pytest.mark.parametrize("reason", DAMAGE)
def test_broken_network_is_named_and_can_be_tried_again(desktop: Watched, site: Site, reason: str) -> None:
    page = desktop.page
    site.changes["stackgan"] = DAMAGE[reason]
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    shows(page, "draw", f"stackgan.onnx: {reason}")
    check_access(page)
    assert page.locator("#gallery img").count() == 0
    try_again(page, site)
    shows(page, "draw", "1 picture of “Mew”")
    assert page.get_by_role("button", name="Try again").count() == 0


def test_all_of_the_page_recovers(desktop: Watched, site: Site) -> None:
    page = desktop.page
    site.changes["release.json"] = broken
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    shows(page, "draw", "release.json: damaged")
    assert page.locator("#names option").count() == 0
    try_again(page, site)
    shows(page, "draw", "1 picture of “Mew”")
    check_recovered(page)


def test_service_worker_is_installed_after_recovery(desktop: Watched, site: Site) -> None:
    page = desktop.page
    site.changes["sw.js"] = DAMAGE["missing"]
    desktop.open()
    api.expect(page.locator("#runs")).to_contain_text("The networks run in this browser")
    site.changes["encoder"] = DAMAGE["missing"]
    desktop.open("#draw?prompt=a+green+frog&seed=0&n=1")
    shows(page, "draw", "encoder.onnx: missing")
    try_again(page, site)
    shows(page, "draw", "1 picture of “a green frog”")
    check_recovered(page)


def test_about_can_be_tried_again(anyone: Watched, site: Site) -> None:
    page = anyone.page
    site.changes["manifest."] = DAMAGE["damaged"]
    anyone.open("#about")
    shows(page, "about", "manifest.json: damaged")
    check_view(anyone)
    try_again(page, site)
    api.expect(page.locator("#about")).to_contain_text("Parity with PyTorch")
    api.expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    check_recovered(page)


@pytest.mark.parametrize(
    "part",
    ["engine/lexicon.js", *(pytest.param(part, marks=pytest.mark.slow) for part in ("engine/worker.js", "ort.wasm"))],
)
def test_broken_script_of_the_worker_can_be_tried_again(desktop: Watched, site: Site, part: str) -> None:
    page = desktop.page
    site.sends_headers = True  # by which the browser keeps what is broken
    site.changes[part] = broken
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    api.expect(status(page, "draw")).to_contain_text("try again")
    page.get_by_role("button", name="Try again").click()
    shows(page, "draw", f"{part}")
    api.expect(status(page, "draw")).to_contain_text("damaged (its SHA-256 differs from the release's); try again")
    try_again(page, site)
    shows(page, "draw", "1 picture of “Mew”")
    check_recovered(page)


@pytest.mark.parametrize(
    "part", ["/view.js", *(pytest.param(part, marks=pytest.mark.slow) for part in ("/app.js", "engine/files.js"))]
)
def test_broken_script_of_the_page_can_be_tried_again(desktop: Watched, site: Site, part: str) -> None:
    page = desktop.page
    site.sends_headers = True
    site.changes[part] = broken
    desktop.open()
    api.expect(page.get_by_text("The page could not be loaded whole.")).to_be_visible()
    site.changes.clear()
    page.get_by_role("link", name="Try again").click()
    api.expect(page.get_by_text("The page could not be loaded whole.")).to_be_hidden()
    check_recovered(page)


GPU = b"""
Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => ({ info: {} }) } });
"""
"""A GPU, for the worker."""

FAILING_RUNTIME = b"""
export const env = { wasm: {}, versions: { web: "0" } };
export class Tensor {}
let runs = 0;
const run = async () => {
  runs += 1;
  if (runs > 2) throw new Error("the device is lost");
  const data = new Uint8Array(256 * 256 * 4).fill(9);
  return { pictures: { data } };
};
export const InferenceSession = { create: async () => ({ run }) };
"""
"""ONNX Runtime Web on a GPU that fails after two pictures."""


def test_visit_goes_on_without_webgpu_when_it_fails(desktop: Watched, site: Site) -> None:
    page = desktop.page
    site.changes["engine/worker.js"] = lambda script: script + GPU
    for flavor in ("ort.jspi", "ort.webgpu"):
        site.changes[flavor] = lambda script: FAILING_RUNTIME
    desktop.open()
    api.expect(page.locator("#runs")).to_have_text("The networks run in this browser, on WebGPU.")
    desktop.open("#draw?prompt=Mew&seed=0&n=8")
    shows(page, "draw", "8 pictures of “Mew”")
    api.expect(page.get_by_role("img", name="Generated picture of “Mew”")).to_have_count(8)
    runs = page.locator("#runs")
    api.expect(runs).to_contain_text("on WebAssembly, 1 thread, because WebGPU failed.")
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    shows(page, "draw", "1 picture of “Mew”")
    assert (len(page.workers), desktop.faults) == (1, [])
