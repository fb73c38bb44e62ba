"""What all requests share: the bundle, the queue, the encoder threads and the state of the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from pgen.backends.cores import physical_cores
from pgen.images.model import Picture
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import render
from pgen.request import Request
from pgen.serve.batcher import Batcher
from pgen.serve.bundle_state import BundleState, LoadedBundle
from pgen.serve.config import MAX_STORED_BYTES, Settings
from pgen.serve.metrics import Metrics
from pgen.serve.store import FileStore

Result = TypeVar("Result")

MAX_ENCODER_THREADS = 4
"""More would idle: encoding a PNG takes a tenth of the time of generating it."""


class Service:
    """The state of one server, without HTTP.

    Attributes:
        draining: the server is shutting down and finishes accepted requests.
        in_flight: number of requests being answered.
        failure: why the bundle could not be loaded.
        on_failure: called when the bundle could not be loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.store, self.bundles = FileStore(MAX_STORED_BYTES), BundleState(settings, self.metrics)
        self.batcher = Batcher(settings, self.metrics)
        self.draining, self.in_flight = False, 0
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._load_finished = asyncio.Event()
        self._encoders = ThreadPoolExecutor(min(MAX_ENCODER_THREADS, physical_cores()), "pgen-encode")

    @property
    def ready(self) -> bool:
        """Whether new requests are accepted."""
        return self.bundles.loaded and not self.draining

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the bundle, and process the queue while the block lasts."""
        tasks = [asyncio.create_task(coroutine) for coroutine in (self.batcher.run(), self._load_bundle())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.batcher.close()
            self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _load_bundle(self) -> None:
        try:
            await self.bundles.load()
        except Exception as error:  # raised again by `started` and by `serve`
            self.failure = error
            self._load_finished.set()
            self.on_failure()
            return
        self._load_finished.set()
        await self.bundles.run_reloads()

    async def started(self) -> None:
        """Wait until the bundle is warm.

        Raises:
            PokeganError: it cannot be used.
        """
        await self._load_finished.wait()
        if self.failure is not None:
            raise self.failure

    async def run_in_encoder(self, function: Callable[[], Result]) -> Result:
        """Call a slow function that runs no network in one of the encoder threads."""
        return await asyncio.get_running_loop().run_in_executor(self._encoders, function)

    async def generate_files(
        self, bundle: LoadedBundle, requests: Sequence[Request], postprocess: Postprocess
    ) -> list[bytes]:
        """Generate images and encode each as soon as it is there, so that the next batch overlaps with encoding.

        Raises:
            APIError: 429, the queue is full.
            PokeganError: an image could not be generated.
        """
        pictures = self.batcher.submit(bundle, requests)

        async def encode(picture: "asyncio.Future[Picture]") -> bytes:
            return await self.run_in_encoder(partial(render, await picture, bundle.generator.bundle, postprocess))

        try:
            return await asyncio.gather(*map(encode, pictures))
        finally:
            for picture in pictures:  # those still queued after another one failed
                picture.cancel()
