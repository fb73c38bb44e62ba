"""A server and a browser for the tests of the page."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

SERVE = [sys.executable, "-m", "pgen", "serve"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


SLOW = 60_000
"""Milliseconds that anything may take on a busy machine."""


@contextlib.contextmanager
def serving(*options: object, **environment: str) -> Iterator[str]:
    """Run ``pgen serve`` on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [*SERVE, "--port", str(port), *map(str, options)]
    with tempfile.TemporaryFile() as log:  # a pipe that nobody reads would fill up
        process = subprocess.Popen(line, env=os.environ | environment, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_for(address: str, process: subprocess.Popen[bytes], log: IO[bytes], seconds: float = 120) -> None:
    """Wait until the server is ready to draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            log.seek(0)
            raise AssertionError(f"pgen serve ended: {log.read().decode()}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"pgen serve was not ready after {seconds} s")


@dataclass
class Watched:
    """A page of a browser, and all that went wrong in it."""

    page: Any
    address: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on(
            "console", lambda message: message.type in ("error", "warning") and self.faults.append(message.text)
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, hash: str = "") -> None:
        """Open the page at an address such as "#draw?prompt=Mew&seed=0&n=1"."""
        self.page.goto(self.address + hash)

    @property
    def elsewhere(self) -> list[str]:
        """Requests that left the server; what the page keeps in itself is none."""
        own = (self.address, "blob:", "data:")
        return [url for url in self.requests if not url.startswith(own)]

    def drawn(self) -> list[str]:
        """Requests for pictures, in order, without where they went."""
        return [url.removeprefix(self.address) for url in self.requests if "/v1/images" in url]

    @property
    def overflow(self) -> int:
        """Pixels that the page is wider than the window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width


@contextlib.contextmanager
def visitor(browser: Any, address: str, device: dict[str, Any]) -> Iterator[Watched]:
    """Visit the page at `address` with an empty profile of the browser."""
    from playwright.sync_api import expect

    context = browser.new_context(**device)
    context.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    yield Watched(context.new_page(), address)
    context.close()
