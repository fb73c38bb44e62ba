"""Pictures that several clients ask for at once are drawn at once, by the one thread that draws."""

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
from pgen.serve.bundle_state import Loaded
from pgen.serve.config import Settings
from pgen.serve.errors import Refusal
from pgen.serve.metrics import Metrics

log = logging.getLogger("pgen.serve")

Thing = TypeVar("Thing")

FIRST_GUESS = 0.1
"""Seconds a picture, before any was drawn."""

MAX_RETRY = 60
"""Seconds after which a client is asked to come again at the latest."""


@dataclass(eq=False)
class _Ticket:
    """A picture that waits to be drawn."""

    loaded: Loaded
    request: Request
    arrived: float
    future: "asyncio.Future[Picture]"

    @property
    def kind(self) -> tuple[int, str | None, int | None]:
        """What pictures that are drawn at once share: the bundle, the model and the stage."""
        return id(self.loaded), self.request.model, self.request.stage


@dataclass(eq=False)
class _Chore:
    """Longer work of one client, which gives way to others after each step."""

    things: Iterator[Any]
    step: int
    weight: int
    future: "asyncio.Future[list[Any]]"
    done: list[Any] = field(default_factory=list)


class Batcher:
    """Gathers pictures into batches; everything but the drawing itself happens in the event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._most, self._batch, self._wait = settings.queue, settings.batch, settings.wait_ms / 1e3
        self._metrics = metrics
        self._waiting: dict[_Ticket, None] = {}  # in the order of their coming; a client who leaves is found at once
        self._chores: deque[_Chore] = deque()
        self._pace = FIRST_GUESS
        self._news = asyncio.Event()
        self._worker = ThreadPoolExecutor(1, "pgen-draw")
        self._turn = False

    @property
    def held(self) -> int:
        """Pictures that wait, those of films and cards among them."""
        return len(self._waiting) + sum(chore.weight for chore in self._chores if not chore.future.done())

    def submit(self, loaded: Loaded, wanted: Sequence[Request]) -> "list[asyncio.Future[Picture]]":
        """Let pictures wait to be drawn; a future that is cancelled leaves the queue.

        Raises:
            Refusal: the queue is full; none of them waits.
        """
        self._admit(len(wanted))
        loop = asyncio.get_running_loop()
        tickets = [_Ticket(loaded, request, loop.time(), loop.create_future()) for request in wanted]
        for ticket in tickets:
            self._waiting[ticket] = None
            ticket.future.add_done_callback(lambda _, ticket=ticket: self._leave(ticket))  # type: ignore[misc]
        self._told()
        return [ticket.future for ticket in tickets]

    async def collect(self, things: Iterator[Thing], weight: int, step: int = 1) -> list[Thing]:
        """Take all `things`, which are made as they are taken, `step` at a time in the thread that draws.

        Raises:
            Refusal: the queue is full.
        """
        self._admit(weight)
        chore = _Chore(things, step, weight, asyncio.get_running_loop().create_future())
        self._chores.append(chore)
        self._told()
        return await chore.future

    def _admit(self, count: int) -> None:
        held = self.held
        if held and held + count > self._most:
            seconds = min(MAX_RETRY, max(1, math.ceil(held * self._pace)))
            raise Refusal(
                429,
                f"{held} pictures wait already, the most is {self._most}; ask again in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    def _told(self) -> None:
        self._metrics.waiting.set(self.held)
        self._news.set()

    def _leave(self, ticket: _Ticket) -> None:
        if self._waiting.pop(ticket, ticket) is None:
            self._told()

    async def run(self) -> None:
        """Draw what comes, until it is cancelled."""
        while True:
            self._news.clear()
            try:
                if not await self._next():
                    await self._news.wait()
            except Exception:  # a fault of this class's own; the next picture has to be drawn all the same
                log.exception("the batcher stumbled")

    async def _next(self) -> bool:
        """Draw a batch or do a step of a chore, by turns where there is both; False if there is neither."""
        self._chores = deque(chore for chore in self._chores if not chore.future.done())
        if self._chores and (self._turn or not self._waiting):
            self._turn = False
            self._chores.rotate(-1)
            await self._step(self._chores[-1])
        elif self._waiting:
            self._turn = True
            await self._draw(await self._gathered(next(iter(self._waiting))))
        else:
            return False
        return True

    async def _gathered(self, head: _Ticket) -> list[_Ticket]:
        """Wait for company of the first picture, but no longer than it may wait, and take all of them."""
        loop = asyncio.get_running_loop()
        while len(alike := self._alike(head)) < self._batch and (left := head.arrived + self._wait - loop.time()) > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                continue
        for ticket in alike:
            del self._waiting[ticket]
        self._metrics.waiting.set(self.held)
        return alike

    def _alike(self, head: _Ticket) -> list[_Ticket]:
        """List what can be drawn with `head`; those who have left are not, even where nobody has cleared them away."""
        alike = (ticket for ticket in self._waiting if ticket.kind == head.kind and not ticket.future.done())
        return list(islice(alike, self._batch))

    async def _draw(self, tickets: list[_Ticket]) -> None:
        if not tickets:
            return
        loaded, wanted = tickets[0].loaded, [ticket.request for ticket in tickets]
        drawn = await self._on_worker(lambda: loaded.generator.stream(wanted, len(wanted)), len(wanted))
        if isinstance(drawn, Exception):
            _settle((ticket.future for ticket in tickets), drawn)
            return
        self._pace = 0.8 * self._pace + 0.2 * drawn[0].milliseconds / 1e3
        self._metrics.drew(wanted[0].model or loaded.default or "", len(drawn), drawn[0].milliseconds / 1e3)
        for ticket, picture in zip(tickets, drawn, strict=True):
            if not ticket.future.done():
                ticket.future.set_result(picture)

    async def _step(self, chore: _Chore) -> None:
        taken = await self._on_worker(lambda: chore.things, chore.step)
        if isinstance(taken, Exception):
            _settle([chore.future], taken)
            return
        chore.done += taken
        if len(taken) < chore.step and not chore.future.done():
            chore.future.set_result(chore.done)
        self._metrics.waiting.set(self.held)

    async def _on_worker(self, things: Callable[[], Iterable[Thing]], count: int) -> list[Thing] | Exception:
        """Take `count` things in the thread that draws; an error is returned, so that it ends what it belongs to."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._worker, lambda: list(islice(things(), count)))
        except Exception as error:
            return error

    def close(self) -> None:
        """Let go of the thread, when it has done what it is at."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def _settle(futures: "Iterable[asyncio.Future[Any]]", error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
