"""Servers for tests: one in a thread, on a port of its own, and one without any network."""

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pgen.api import Generator, Picture
from pgen.request import Request
from pgen.serve.app import create_app
from pgen.serve.config import Settings
from pgen.serve.server import Server, bind
from pgen.serve.service import Service

IMAGES = "/v1/images/generations"

PATIENCE = 60.0
"""Seconds that a busy machine is given for what takes one of them."""


def needs_ray_serve() -> None:
    """Skip where Ray Serve misses a package: of those that it requires, one that nothing else brings."""
    pytest.importorskip("grpc_reflection", reason="needs Ray Serve: pip install 'pokegan[ray-serve]'")


def settings(bundle: Path, **others: Any) -> Settings:
    """Serve a bundle on a free port, with one thread on the CPU."""
    return Settings(port=0, bundle=bundle, device="cpu", threads=1, **others)


@contextmanager
def serving(config: Settings) -> Iterator[tuple[Service, str]]:
    """Serve in a thread; gives the service, and where it is."""
    server = Server(config)
    with bind(config) as listener:
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until = time.monotonic() + PATIENCE
            while not server.service.ready:
                assert time.monotonic() < until
                assert server.service.failure is None, server.service.failure
                time.sleep(0.02)
            yield server.service, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@asynccontextmanager
async def without_network(config: Settings) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """Serve in this event loop; gives the service, and a client."""
    app = create_app(config)
    service: Service = app.state.service
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pgen") as client,
    ):
        await until(lambda: service.ready or service.failure is not None)
        assert service.failure is None, service.failure
        yield service, client


async def until(condition: Any) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


class Hold:
    """Holds the thread that draws, so that what comes meanwhile has to wait; notes what is drawn at once."""

    def __init__(self, service: Service) -> None:
        self.open, self.batches = Event(), list[list[Request]]()
        self.generator: Generator = service.bundles.current().generator
        self._stream = self.generator.stream
        self.generator.stream = self._held  # type: ignore[method-assign]

    def _held(self, requests: Any, batch: int = 16) -> Iterator[Picture]:
        requests = list(requests)
        self.batches.append(requests)
        assert self.open.wait(PATIENCE)
        return self._stream(requests, batch)

    @property
    def prompts(self) -> list[list[str]]:
        """The prompts of each batch."""
        return [[request.prompt for request in batch] for batch in self.batches]


def pixels_of(content: bytes) -> NDArray[np.uint8]:
    """Read a file's pixels."""
    return np.array(Image.open(io.BytesIO(content)))


def decoded(image: dict[str, Any]) -> NDArray[np.uint8]:
    """Read the pixels of a picture in JSON."""
    return pixels_of(base64.b64decode(image["b64_json"]))
