"""Many clients in one process with one thread, each on a connection that stays open.

They share the machine's cores with the server, so that this is light: asyncio's streams and the standard library alone.
The plan comes as JSON through stdin; what became of every request goes as JSON to stdout. SIGTERM ends the plan early.
Each client asks again as soon as it has its answer (a closed loop).
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from load.prompts import prompt

PICTURE, FILM, ROWS, CARD = "picture", "film", "rows", "card"
OTHERS = (FILM, ROWS, CARD)

NO_CONNECTION, NO_ANSWER, LATE = "no connection", "no answer", "late"
"""What became of a request besides a status: the server could not be reached; it took the request and its connection
ended without a whole answer; the client's patience ended."""

PATIENCE = 120.0
"""Seconds that a client waits for an answer."""

AGAIN = 0.1
"""Seconds after which a client that could not connect, or has lost its connection, tries again."""

FRAMES, STATS = 8, 100

MARKS = {PICTURE: b'"b64_json":"iVBORw0KGgo', FILM: b"GIF8", ROWS: b'"data":[{', CARD: b'"b64_json":"iVBORw0KGgo'}
"""What a good answer holds: a PNG's signature in base64, a GIF's, and rows."""


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        port: of the server, on loopback.
        clients: how many.
        seconds: for which they ask; what is on its way then is waited for.
        names: the known ones.
        others: the first three clients ask for films, rows and cards all the time, not for pictures.
        pause: seconds that a client waits after 429 and 503; None for as long as Retry-After says.
        comes_back: a client without a connection tries again; otherwise it ends.
    """

    port: int
    clients: int
    seconds: float
    names: list[str]
    others: bool = False
    pause: float | None = None
    comes_back: bool = False


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Notes:
    """What became of the requests: kind, begin (seconds of the monotonic clock), milliseconds and outcome of each."""

    requests: list[tuple[str, float, float, str]] = field(default_factory=list)
    retry_after: "Counter[str]" = field(default_factory=Counter)


class Client:
    """One of them."""

    def __init__(self, plan: Plan, kind: str, notes: Notes) -> None:
        self.plan, self.kind, self.notes = plan, kind, notes
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, numbers: Callable[[], int], running: Callable[[], bool]) -> None:
        """Ask until that is over."""
        while running():
            began = time.monotonic()
            outcome, pause = await self.once(numbers())
            self.notes.requests.append((self.kind, began, 1e3 * (time.monotonic() - began), outcome))
            if pause is None:
                break
            if pause:
                self.close()  # the server closes what is idle, which must not meet the next request
                await asyncio.sleep(pause)
        self.close()

    async def once(self, number: int) -> tuple[str, float | None]:
        """Ask once; tells what became of it, and the seconds to wait before the next, None for no next."""
        lost = AGAIN if self.plan.comes_back else None
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self._connected()
        except OSError:
            return NO_CONNECTION, lost
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(request(self.kind, number, self.plan))
                answer = await read(reader)
        except TimeoutError:  # an OSError too
            self.close()
            return LATE, lost
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return NO_ANSWER, lost
        if answer.headers.get("connection") == "close":
            self.close()
        return self._judged(answer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.plan.port)
        return self._streams

    def _judged(self, answer: Answer) -> tuple[str, float]:
        if answer.status == 200:
            return "200" if MARKS[self.kind] in answer.body else "200, not what was asked for", 0.0
        if answer.status not in (429, 503):
            return str(answer.status), 0.0
        told = answer.headers.get("retry-after")
        if told is None:
            return f"{answer.status} without Retry-After", AGAIN
        self.notes.retry_after[told] += 1
        return str(answer.status), float(told) if self.plan.pause is None else self.plan.pause

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(kind: str, number: int, plan: Plan) -> bytes:
    """Write a request."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        PICTURE: ("images/generations", {"prompt": prompt(number, plan.names), "seed": number}),
        FILM: ("morph", {"start": plan.names[0], "end": plan.names[-1], "seed": number, "frames": FRAMES}),
        ROWS: ("stats", {"n": STATS, "seed": number}),
        CARD: ("dex", {"n": 1, "seed": number}),
    }
    path, body = asked[kind]
    sent = json.dumps(body).encode()
    head = (
        f"POST /v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


async def read(reader: asyncio.StreamReader) -> Answer:
    """Read an answer.

    Raises:
        IncompleteReadError, OSError: the connection ended before it was whole.
    """
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first.split()[1]), headers, body)


async def run(plan: Plan) -> Notes:
    """Let all clients ask."""
    notes, numbers, until, ended = Notes(), count(), time.monotonic() + plan.seconds, asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    kinds = [*OTHERS, *[PICTURE] * plan.clients][: plan.clients] if plan.others else [PICTURE] * plan.clients

    def running() -> bool:
        return time.monotonic() < until and not ended.is_set()

    await asyncio.gather(*(Client(plan, kind, notes).run(lambda: next(numbers), running) for kind in kinds))
    return notes


def main() -> None:
    notes = asyncio.run(run(Plan(**json.load(sys.stdin))))
    told = {"requests": notes.requests, "retry_after": notes.retry_after, "processor_s": time.process_time()}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
