"""Takes docs/page-desktop.png and docs/page-phone.png: the page of `pgen serve`, in Chromium.

Run from the repository's root: python -m docs.screenshots
"""

from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, serving

DOCS = Path(__file__).parent

SHOTS = {
    "desktop": (DESKTOP | {"viewport": {"width": 1100, "height": 620}}, "#draw?prompt=Lapras&seed=3", "first after"),
    "phone": (PHONE | {"device_scale_factor": 1}, "#new?type=&rarity=&seed=0&n=1", "Download card"),
}
"""By file: the device, the view to open, and a text that only the complete view has."""


def main() -> None:
    """Take the screenshots."""
    with serving() as address, sync_playwright() as playwright:
        # Chromium's sandbox does not start for root; the page is the project's own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (device, view, status) in SHOTS.items():
            watched = Watched(chromium.new_context(**device).new_page(), address)
            watched.open(view)
            watched.page.get_by_text(status).first.wait_for()
            watched.page.evaluate("document.querySelector('article')?.scrollIntoView()")  # the card, on the phone
            watched.page.screenshot(path=DOCS / f"page-{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
