"""Closed-loop clients: many in one process with one thread, each with a persistent connection.

They share the cores with the server, so the implementation is light: asyncio's streams and the standard library.
The plan is read as JSON from stdin, and the outcome of every request is written as JSON to stdout. SIGTERM ends the
plan early.
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
"""Outcomes other than a status: the server could not be reached; the connection closed before the complete response;
the response took longer than RESPONSE_TIMEOUT."""

RESPONSE_TIMEOUT = 120.0
"""Seconds that a client waits for a response."""

RECONNECT_SECONDS = 0.1
"""Seconds after which a client reconnects."""

FRAMES, STATS = 8, 100

SIGNATURES = {PICTURE: b'"b64_json":"iVBORw0KGgo', FILM: b"GIF8", ROWS: b'"data":[{', CARD: b'"b64_json":"iVBORw0KGgo'}
"""What the body of a correct response contains: the signature of a PNG in base64, of a GIF, or rows."""


@dataclass(frozen=True)
class Plan:
    """The parameters of a run.

    Attributes:
        port: of the server, on loopback.
        clients: number of clients.
        seconds: duration; requests in flight at the end are finished.
        names: the known names of the bundle.
        others: the first three clients request animations, stats and cards instead of images.
        retry_seconds: wait after 429 and 503; None for the seconds in Retry-After.
        reconnect: clients without a connection reconnect; otherwise they end.
    """

    port: int
    clients: int
    seconds: float
    names: list[str]
    others: bool = False
    retry_seconds: float | None = None
    reconnect: bool = False


@dataclass(frozen=True)
class Response:
    """A response of the server."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Report:
    """Kind, start (seconds of the monotonic clock), latency (milliseconds) and outcome of each request."""

    requests: list[tuple[str, float, float, str]] = field(default_factory=list)
    retry_after: "Counter[str]" = field(default_factory=Counter)


class Client:
    """A client that sends requests one after another."""

    def __init__(self, plan: Plan, kind: str, report: Report) -> None:
        self.plan, self.kind, self.report = plan, kind, report
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, numbers: Callable[[], int], running: Callable[[], bool]) -> None:
        """Send requests while `running()`."""
        while running():
            start = time.monotonic()
            outcome, pause = await self.once(numbers())
            self.report.requests.append((self.kind, start, 1e3 * (time.monotonic() - start), outcome))
            if pause is None:
                break
            if pause:
                self.close()  # the server may close the idle connection just when the next request is sent
                await asyncio.sleep(pause)
        self.close()

    async def once(self, number: int) -> tuple[str, float | None]:
        """Send one request; return its outcome and the seconds until the next, or None to stop."""
        after_loss = RECONNECT_SECONDS if self.plan.reconnect else None
        try:
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                reader, writer = await self._connected()
        except OSError:
            return NO_CONNECTION, after_loss
        try:
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                writer.write(request(self.kind, number, self.plan))
                response = await read(reader)
        except TimeoutError:  # a subclass of OSError
            self.close()
            return LATE, after_loss
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return NO_ANSWER, after_loss
        if response.headers.get("connection") == "close":
            self.close()
        return self._evaluate(response)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.plan.port)
        return self._streams

    def _evaluate(self, response: Response) -> tuple[str, float]:
        if response.status == 200:
            return "200" if SIGNATURES[self.kind] in response.body else "200 with other content", 0.0
        if response.status not in (429, 503):
            return str(response.status), 0.0
        retry_after = response.headers.get("retry-after")
        if retry_after is None:
            return f"{response.status} without Retry-After", RECONNECT_SECONDS
        self.report.retry_after[retry_after] += 1
        return str(response.status), float(retry_after) if self.plan.retry_seconds is None else self.plan.retry_seconds

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(kind: str, number: int, plan: Plan) -> bytes:
    """Serialize a request."""
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        PICTURE: ("images/generations", {"prompt": prompt(number, plan.names), "seed": number}),
        FILM: ("morph", {"start": plan.names[0], "end": plan.names[-1], "seed": number, "frames": FRAMES}),
        ROWS: ("stats", {"n": STATS, "seed": number}),
        CARD: ("dex", {"n": 1, "seed": number}),
    }
    path, body = bodies[kind]
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def read(reader: asyncio.StreamReader) -> Response:
    """Read a response.

    Raises:
        IncompleteReadError, OSError: the connection closed before the response was complete.
    """
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Response(int(first.split()[1]), headers, body)


async def run(plan: Plan) -> Report:
    """Run all clients."""
    report, numbers, end, terminated = Report(), count(), time.monotonic() + plan.seconds, asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    kinds = [*OTHERS, *[PICTURE] * plan.clients][: plan.clients] if plan.others else [PICTURE] * plan.clients

    def running() -> bool:
        return time.monotonic() < end and not terminated.is_set()

    await asyncio.gather(*(Client(plan, kind, report).run(lambda: next(numbers), running) for kind in kinds))
    return report


def main() -> None:
    report = asyncio.run(run(Plan(**json.load(sys.stdin))))
    result = {"requests": report.requests, "retry_after": report.retry_after, "processor_s": time.process_time()}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
