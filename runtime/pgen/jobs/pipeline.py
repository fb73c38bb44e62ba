"""Overlapping stages: each runs in its own thread, with a bounded queue to the next.

ONNX Runtime, zlib and libwebp release Python's global lock while they work, so threads are enough.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WRITERS = min(8, os.cpu_count() or 1)
"""Threads that encode and write."""

POLL = 0.1
"""Seconds between checks of a waiting thread for the end of the pipe, or for Ctrl-C on Windows."""


class Pipe:
    """A chain of stages. Leaving its block stops them all after the item that each is working on."""

    def __init__(self) -> None:
        self._stop = Event()
        self._threads: list[Thread] = []
        self._pools: list[ThreadPoolExecutor] = []
        self._unseen: deque[Future[Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def gather(self, items: Iterable[Item], size: int) -> Iterator[list[Item]]:
        """Gather items that may arrive slowly, as from a terminal, into lists of `size`; the last may be shorter.

        The end of the pipe does not wait for them.
        """
        queue = self._start(items, size)[1]
        gathered: list[Item] = []
        try:
            for item in self._drain(queue):
                gathered.append(item)
                if len(gathered) == size:
                    yield gathered
                    gathered = []
        except Exception:
            if gathered:
                yield gathered  # items before the error are not lost
            raise
        if gathered:
            yield gathered

    def ahead(self, items: Iterable[Item], depth: int) -> Iterator[Item]:
        """Iterate `items` in their own thread, at most `depth` items ahead; same items, same order.

        An error is raised in place of the item.
        """
        thread, queue = self._start(items, depth)
        self._threads.append(thread)
        return self._drain(queue)

    def spread(
        self, function: Callable[[Item], Result], items: Iterable[Item], workers: int, depth: int
    ) -> Iterator[Result]:
        """Map `function` over `items` in `workers` threads, at most `depth` items ahead; same order.

        The items are iterated in another thread.
        """
        pool = ThreadPoolExecutor(workers)
        self._pools.append(pool)

        def submit(item: Item) -> Future[Result]:
            future = pool.submit(function, item)
            self._unseen.append(future)
            return future

        return self._results(self.ahead(map(submit, items), depth))

    def _results(self, futures: Iterable[Future[Result]]) -> Iterator[Result]:
        for future in futures:
            yield future.result()
            self._unseen.popleft()  # the next one is requested when this one was used

    def unseen(self) -> list[Any]:
        """Return the results of `spread`, computed before the pipe ended, from the one that was yielded last."""
        return [future.result() for future in self._unseen if not future.cancelled() and not future.exception()]

    def _start(self, items: Iterable[Item], depth: int) -> "tuple[Thread, Queue[Item | _End]]":
        queue: Queue[Item | _End] = Queue(depth)
        # A daemon, because a read that waits for a terminal cannot be interrupted; Python exits without it.
        thread = Thread(target=self._fill, args=(items, queue), daemon=True)
        thread.start()
        return thread, queue

    def _fill(self, items: Iterable[Item], queue: "Queue[Item | _End]") -> None:
        end = _End()
        try:
            for item in items:
                if not self._put(queue, item):
                    return
        except BaseException as error:  # raised again by _drain, in place of the item
            end = _End(error)
        self._put(queue, end)

    def _put(self, queue: "Queue[Item | _End]", item: "Item | _End") -> bool:
        while not self._stop.is_set():
            try:
                queue.put(item, timeout=POLL)
            except Full:
                continue
            return True
        return False

    def _drain(self, queue: "Queue[Item | _End]") -> Iterator[Item]:
        while not self._stop.is_set():
            try:
                item = queue.get(timeout=POLL)
            except Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item


@dataclass(frozen=True)
class _End:
    """The end of a stage's items, or the error that ended them."""

    error: BaseException | None = None
