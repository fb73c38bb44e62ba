"""Takes docs/page-desktop.png and docs/page-phone.png, the served page, and docs/page-web.png, the static one.

Run from the repository's root: python -m docs.screenshots [NAME]...
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright
from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, serving
from tests.e2e.serving.site import hosted

from pgen.bundle.reader import EMBEDDED
from pgexport.targets.web.folder import write_page

DOCS = Path(__file__).parent

SERVED = {
    "desktop": (DESKTOP | {"viewport": {"width": 1100, "height": 620}}, "#draw?prompt=Lapras&seed=3", "first after"),
    "phone": (PHONE | {"device_scale_factor": 1}, "#new?type=&rarity=&seed=0&n=1", "Download card"),
}
"""By file: the device, the view to open, and a text that only the complete view has."""


STATIC = {
    "web": (
        DESKTOP | {"viewport": {"width": 1000, "height": 880}, "color_scheme": "dark"},
        "#draw?prompt=a+round+yellow+electric+mouse&seed=6&n=3",
        "first after",
    )
}

Shots = dict[str, tuple[dict[str, Any], str, str]]


def take(chromium: Any, address: str, shots: Shots) -> None:
    """Take screenshots of the page at `address`."""
    for name, (device, view, status) in shots.items():
        watched = Watched(chromium.new_context(**device).new_page(), address)
        watched.page.set_default_timeout(120_000)
        for hash in (view, view.partition("?")[0], view):  # again, with everything loaded
            watched.open(hash)
            if hash == view:
                watched.page.get_by_text(status).first.wait_for()
        watched.page.evaluate("document.querySelector('article')?.scrollIntoView()")  # the card, on the phone
        screenshot = Image.open(io.BytesIO(watched.page.screenshot())).convert("RGB")
        screenshot.quantize(256, dither=Image.Dither.NONE).save(DOCS / f"page-{name}.png", optimize=True)


@contextmanager
def static() -> Iterator[str]:
    """Host the static page of the embedded bundle; gives its address."""
    with tempfile.TemporaryDirectory() as place:
        write_page(EMBEDDED, Path(place) / "page")
        with hosted(Path(place) / "page") as site:
            yield site.address


def main() -> None:
    """Take the screenshots; arguments choose them, by default all."""
    chosen = sys.argv[1:] or [*SERVED, *STATIC]
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root; the page is the project's own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shots, host in ((SERVED, serving), (STATIC, static)):
            if selected := {name: shot for name, shot in shots.items() if name in chosen}:
                with host() as address:
                    take(chromium, address, selected)
        chromium.close()


if __name__ == "__main__":
    main()
