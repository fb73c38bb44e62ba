from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with api.sync_playwright() as playwright:
        # Chromium's sandbox does not start for root, as which CI runs; the pages are the project's own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def desktop(browser: Any, address: str) -> Iterator[Watched]:
    with visitor(browser, address, DESKTOP) as watched:
        yield watched


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def anyone(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    with visitor(browser, address, request.param) as watched:
        yield watched
