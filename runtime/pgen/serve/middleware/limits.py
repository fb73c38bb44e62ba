"""What one request may take: bytes, time, and only as long as its client waits for it."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgen.serve.errors import Refusal, refusal_of
from pgen.serve.middleware.access_log import path_of
from pgen.serve.service import Service

MOST_REFUSED = 16
"""Times `max_body` that is still read of a body that is too large: a client that is cut off sees no answer."""


class _Left(Exception):
    """The client has gone."""


class _Answer:
    """Sends an answer, and knows whether it has begun to."""

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)


class Guard:
    """ASGI middleware that reads the body, and ends work for which nobody waits any more."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        deadline = asyncio.get_running_loop().time() + self.service.settings.timeout
        try:
            self._check(scope)
            body = await self._body(scope, receive, deadline)
            await self._answer(body, scope, receive, answer, deadline)
        except _Left:
            return
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
        except asyncio.CancelledError:
            if answer.started or not self.service.draining:
                raise
            await Refusal(503, "the server has been ended").response()(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        path = path_of(scope)
        if self.service.draining and path.startswith("/v1/") and not path.startswith("/v1/images/files/"):
            raise Refusal(503, "the server is about to end; ask again", headers={"Retry-After": "1"})
        kind = _header(scope, b"content-type").partition(b";")[0].strip().lower()
        # A form of another site's page could send plain text to a server on loopback, but not this.
        if scope["method"] == "POST" and kind != b"application/json":
            raise Refusal(415, "send JSON, and say so: Content-Type: application/json")

    async def _body(self, scope: Scope, receive: Receive, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                return await _read(scope, receive, self.service.settings.max_body)
        except TimeoutError:
            raise Refusal(408, "the request did not come in time", headers={"Connection": "close"}) from None

    async def _answer(self, body: bytes, scope: Scope, receive: Receive, answer: _Answer, deadline: float) -> None:
        async def run() -> None:
            await self.app(scope, _replay(body), answer)

        work = asyncio.create_task(run())
        gone = asyncio.create_task(_gone(receive))
        try:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait({work, gone}, timeout=max(0, left), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not answer.started:
                await _cancelled(work)
                if gone.done():
                    raise _Left
                raise Refusal(504, f"no answer within {self.service.settings.timeout:g} s; ask for less, or later")
            await work
        except (_Left, Refusal):
            raise
        except Exception as error:
            refusal = refusal_of(error)  # which writes to the log
            if not answer.started:
                raise refusal from error
        finally:
            await _cancelled(gone)
            await _cancelled(work)


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found


async def _read(scope: Scope, receive: Receive, most: int) -> bytes:
    """Read a whole body.

    Raises:
        Refusal: it has more than `most` bytes.
        _Left: the client has gone.
    """
    told = _header(scope, b"content-length")
    size = int(told) if told.isdigit() and len(told) < 20 else 0
    if size > most and (size > MOST_REFUSED * most or _header(scope, b"expect")):
        raise _too_large(most)
    body, count = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        part = message.get("body", b"")
        count += len(part)
        if count <= most:
            body += part
        if not message.get("more_body") or count > MOST_REFUSED * most:
            break
    if count > most:
        raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"the request is too large; the most is {most:,} bytes", headers={"Connection": "close"})


def _replay(body: bytes) -> Receive:
    """Give a body that was read, and then nothing: it is the guard who waits for the client to leave."""
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Message:
        nonlocal message
        if message is None:
            await asyncio.Event().wait()
        given, message = message, None
        assert given is not None
        return given

    return receive


async def _gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """End a task, and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
