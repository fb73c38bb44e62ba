"""Dynamic batching: images that several clients request at the same time are generated together, in one thread."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from pgen.images.model import Picture
from pgen.request import Request
from pgen.serve.bundle_state import LoadedBundle
from pgen.serve.config import Settings
from pgen.serve.errors import APIError
from pgen.serve.metrics import Metrics

log = logging.getLogger("pgen.serve")

Item = TypeVar("Item")

INITIAL_SECONDS_PER_IMAGE = 0.1
"""Estimate before the first batch was measured."""

MAX_RETRY_AFTER = 60
"""Upper limit of Retry-After, in seconds."""


@dataclass(eq=False)
class _QueuedImage:
    """An image in the queue."""

    bundle: LoadedBundle
    request: Request
    queued_at: float
    future: "asyncio.Future[Picture]"

    @property
    def batch_key(self) -> tuple[int, str | None, int | None]:
        """What all images of a batch share: the bundle, the model and the stage."""
        return id(self.bundle), self.request.model, self.request.stage


@dataclass(eq=False)
class _StreamTask:
    """A longer computation of one client, which runs `step` items at a time and lets others run in between."""

    items: Iterator[Any]
    step: int
    weight: int
    future: "asyncio.Future[list[Any]]"
    results: list[Any] = field(default_factory=list)


class Batcher:
    """Collects queued images into batches; everything but the inference itself happens in the event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._capacity, self._batch, self._max_wait = settings.queue, settings.batch, settings.wait_ms / 1e3
        self._metrics = metrics
        self._queue: dict[_QueuedImage, None] = {}  # an ordered set: a disconnected client's images go in O(1)
        self._streams: deque[_StreamTask] = deque()
        self._seconds_per_image = INITIAL_SECONDS_PER_IMAGE
        self._wakeup = asyncio.Event()
        self._worker = ThreadPoolExecutor(1, "pgen-draw")
        self._stream_is_next = False

    @property
    def queued(self) -> int:
        """Number of queued images, frames and cards of unfinished streams included."""
        return len(self._queue) + sum(task.weight for task in self._streams if not task.future.done())

    def submit(self, bundle: LoadedBundle, requests: Sequence[Request]) -> "list[asyncio.Future[Picture]]":
        """Queue images; canceling a future removes its image from the queue.

        Raises:
            APIError: 429, the queue is full and no image was queued.
        """
        self._check_capacity(len(requests))
        loop = asyncio.get_running_loop()
        images = [_QueuedImage(bundle, request, loop.time(), loop.create_future()) for request in requests]
        for image in images:
            self._queue[image] = None
            image.future.add_done_callback(lambda _, image=image: self._remove(image))  # type: ignore[misc]
        self._notify()
        return [image.future for image in images]

    async def collect(self, items: Iterator[Item], weight: int, step: int = 1) -> list[Item]:
        """Consume the lazy iterator `items` in the worker thread, `step` at a time; it counts `weight` images.

        Raises:
            APIError: 429, the queue is full.
        """
        self._check_capacity(weight)
        task = _StreamTask(items, step, weight, asyncio.get_running_loop().create_future())
        self._streams.append(task)
        self._notify()
        return await task.future

    def _check_capacity(self, count: int) -> None:
        queued = self.queued
        if queued and queued + count > self._capacity:
            seconds = min(MAX_RETRY_AFTER, max(1, math.ceil(queued * self._seconds_per_image)))
            raise APIError(
                429,
                f"the queue is full: {queued} of {self._capacity} images; retry in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    def _notify(self) -> None:
        self._metrics.queued.set(self.queued)
        self._wakeup.set()

    def _remove(self, image: _QueuedImage) -> None:
        if self._queue.pop(image, image) is None:
            self._notify()

    async def run(self) -> None:
        """Process the queue until canceled."""
        while True:
            self._wakeup.clear()
            try:
                if not await self._process_next():
                    await self._wakeup.wait()
            except Exception:  # a bug in this class, which must not stop the next batch
                log.exception("the batcher failed")

    async def _process_next(self) -> bool:
        """Run a batch or a step of a stream, alternating if there are both; False if there is neither."""
        self._streams = deque(task for task in self._streams if not task.future.done())
        if self._streams and (self._stream_is_next or not self._queue):
            self._stream_is_next = False
            self._streams.rotate(-1)
            await self._run_step(self._streams[-1])
        elif self._queue:
            self._stream_is_next = True
            await self._run_batch(await self._gather_batch(next(iter(self._queue))))
        else:
            return False
        return True

    async def _gather_batch(self, head: _QueuedImage) -> list[_QueuedImage]:
        """Wait for a full batch, at most until `head` has waited its time, and remove the batch from the queue."""
        loop = asyncio.get_running_loop()
        while (
            len(batch := self._matching(head)) < self._batch
            and (remaining := head.queued_at + self._max_wait - loop.time()) > 0
        ):
            self._wakeup.clear()
            try:
                async with asyncio.timeout(remaining):
                    await self._wakeup.wait()
            except TimeoutError:
                continue
        for image in batch:
            del self._queue[image]
        self._metrics.queued.set(self.queued)
        return batch

    def _matching(self, head: _QueuedImage) -> list[_QueuedImage]:
        """List up to a batch of images that fit `head`, without those that were canceled a moment ago."""
        matching = (image for image in self._queue if image.batch_key == head.batch_key and not image.future.done())
        return list(islice(matching, self._batch))

    async def _run_batch(self, images: list[_QueuedImage]) -> None:
        if not images:
            return
        bundle, requests = images[0].bundle, [image.request for image in images]
        pictures = await self._run_in_worker(lambda: bundle.generator.stream(requests, len(requests)), len(requests))
        if isinstance(pictures, Exception):
            _fail((image.future for image in images), pictures)
            return
        seconds_per_image = pictures[0].milliseconds / 1e3
        self._seconds_per_image = 0.8 * self._seconds_per_image + 0.2 * seconds_per_image
        model = requests[0].model or bundle.default_model or ""
        self._metrics.record_batch(model, len(pictures), seconds_per_image * len(pictures))
        for image, picture in zip(images, pictures, strict=True):
            if not image.future.done():
                image.future.set_result(picture)

    async def _run_step(self, task: _StreamTask) -> None:
        results = await self._run_in_worker(lambda: task.items, task.step)
        if isinstance(results, Exception):
            _fail([task.future], results)
            return
        task.results += results
        if len(results) < task.step and not task.future.done():
            task.future.set_result(task.results)
        self._metrics.queued.set(self.queued)

    async def _run_in_worker(self, make_items: Callable[[], Iterable[Item]], count: int) -> list[Item] | Exception:
        """Take `count` items in the worker thread; an error is returned, because it belongs to this batch alone."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._worker, lambda: list(islice(make_items(), count)))
        except Exception as error:
            return error

    def close(self) -> None:
        """Release the worker thread once it is idle."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _fail(futures: "Iterable[asyncio.Future[Any]]", error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
