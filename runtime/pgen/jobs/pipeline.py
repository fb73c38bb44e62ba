"""Stages that overlap: each runs in a thread of its own, with a bounded queue to the next.

ONNX Runtime, zlib and libwebp let go of Python's lock while they work, so that threads are enough.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL = 0.1
"""Seconds: how often a thread that waits looks up, for the end of the pipe, or for Ctrl-C on Windows."""


class Pipe:
    """A chain of stages. Leaving its block ends them all: each finishes the item that it is making, no more."""

    def __init__(self) -> None:
        self._stop = Event()
        self._threads: list[Thread] = []
        self._pools: list[ThreadPoolExecutor] = []

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
        """Gather items that may be long in coming, as from a terminal, into lists of `size`; the last may be shorter.

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
                yield gathered  # what came before the error is not lost to it
            raise
        if gathered:
            yield gathered

    def ahead(self, items: Iterable[Item], depth: int) -> Iterator[Item]:
        """Make `items` in a thread of its own, at most `depth` before they are asked for; same items, same order.

        An error is raised where the item would have come.
        """
        thread, queue = self._start(items, depth)
        self._threads.append(thread)
        return self._drain(queue)

    def spread(
        self, function: Callable[[Item], Result], items: Iterable[Item], workers: int, depth: int
    ) -> Iterator[Result]:
        """Map `function` over `items` in `workers` threads, at most `depth` before they are asked for; same order.

        The items themselves are made in a further thread.
        """
        pool = ThreadPoolExecutor(workers)
        self._pools.append(pool)
        begun: Iterator[Future[Result]] = self.ahead((pool.submit(function, item) for item in items), depth)
        return (future.result() for future in begun)

    def _start(self, items: Iterable[Item], depth: int) -> "tuple[Thread, Queue[Item | _End]]":
        queue: Queue[Item | _End] = Queue(depth)
        # A daemon, because a read that waits for a terminal cannot be ended; Python leaves without it.
        thread = Thread(target=self._fill, args=(items, queue), daemon=True)
        thread.start()
        return thread, queue

    def _fill(self, items: Iterable[Item], queue: "Queue[Item | _End]") -> None:
        end = _End()
        try:
            for item in items:
                if not self._put(queue, item):
                    return
        except BaseException as error:  # raised again by _drain, where the item would have come
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


class _End:
    """The end of a stage's items, or what ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
