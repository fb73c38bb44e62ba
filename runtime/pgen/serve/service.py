"""What all requests share: the bundle, the queue, the threads that encode, and the state of the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from pgen.backends.cores import physical_cores
from pgen.images.model import Picture
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import render
from pgen.request import Request
from pgen.serve.batcher import Batcher
from pgen.serve.bundle_state import Bundles, Loaded
from pgen.serve.config import MAX_STORED, Settings
from pgen.serve.metrics import Metrics
from pgen.serve.store import Store
from pokegan import __version__

Result = TypeVar("Result")
Thing = TypeVar("Thing")

ENCODERS = 4
"""Threads that encode, at most: PNG takes a tenth of the time that a picture does."""


class Service:
    """One server's state, without HTTP.

    Attributes:
        draining: it has been told to end, and answers what it has accepted.
        failure: why the bundle could not be loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.store, self.bundles = Store(MAX_STORED), Bundles(settings, self._counted)
        self.batcher = Batcher(settings, self.metrics)
        self.draining, self.flying = False, 0
        self.failure: Exception | None = None
        self._settled = asyncio.Event()
        self.failed: Callable[[], None] = lambda: None
        self._encoders = ThreadPoolExecutor(min(ENCODERS, physical_cores()), "pgen-encode")

    @property
    def ready(self) -> bool:
        """May requests be sent here?"""
        return self.bundles.current is not None and not self.draining

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the bundle, and draw while the block lasts."""
        tasks = [asyncio.create_task(work) for work in (self.batcher.run(), self._start())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.batcher.close()
            self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _start(self) -> None:
        try:
            await self.bundles.load()
        except Exception as error:  # raised again by whoever started the server
            self.failure = error
            self._settled.set()
            self.failed()
            return
        self._counted(True)
        self._settled.set()
        await self.bundles.reloading()

    async def started(self) -> None:
        """Wait until the bundle is warm.

        Raises:
            PokeganError: it cannot be used.
        """
        await self._settled.wait()
        if self.failure is not None:
            raise self.failure

    def _counted(self, good: bool) -> None:
        self.metrics.reloads.labels("good" if good else "refused").inc()
        if good:
            loaded = self.bundles.now()
            told = {"digest": loaded.generator.bundle.digest, "version": __version__, "device": loaded.device}
            self.metrics.bundle.info(told)

    async def encoded(self, function: Callable[[], Result]) -> Result:
        """Call what takes its time, but does not draw, in one of the threads that encode."""
        return await asyncio.get_running_loop().run_in_executor(self._encoders, function)

    async def files(self, loaded: Loaded, wanted: Sequence[Request], finish: Postprocess) -> list[bytes]:
        """Draw pictures and encode each as soon as it is drawn, so that one overlaps the other.

        Raises:
            Refusal: the queue is full.
            PokeganError: a picture could not be drawn.
        """
        waiting = self.batcher.submit(loaded, wanted)

        async def file(picture: "asyncio.Future[Picture]") -> bytes:
            return await self.encoded(partial(render, await picture, loaded.generator.bundle, finish))

        try:
            return await asyncio.gather(*map(file, waiting))
        finally:
            for picture in waiting:  # what is still waiting where another failed
                picture.cancel()

    async def collected(self, things: Iterator[Thing], weight: int, step: int = 1) -> list[Thing]:
        """Take all `things` in the thread that draws; see :meth:`Batcher.collect`."""
        return await self.batcher.collect(things, weight, step)
