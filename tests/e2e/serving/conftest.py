from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgen.bundle.reader import EMBEDDED
from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, visitor
from tests.e2e.serving.site import Site, hosted


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


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static page of the embedded bundle."""
    folder = pytest.importorskip("pgexport.targets.web.folder")
    out = tmp_path_factory.mktemp("static") / "page"
    try:
        folder.write_page(EMBEDDED, out)
    except folder.WebFilesMissing as error:
        pytest.skip(f"needs ONNX Runtime Web: {error}")
    return out


@pytest.fixture
def site(written: Path) -> Iterator[Site]:
    with hosted(written) as site:
        yield site
