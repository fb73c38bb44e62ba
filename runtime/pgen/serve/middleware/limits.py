"""Limits of one request: content type, body size, time, and cancellation when its client disconnects."""

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgen.serve.config import MAX_UPLOAD
from pgen.serve.errors import APIError, to_api_error
from pgen.serve.middleware.routing import MULTIPART, takes_upload
from pgen.serve.service import Service

DISCARD_FACTOR = 16
"""Multiple of `max_body` up to which an oversized body is read and discarded: clients that are cut off while they send
do not see the response."""


class _Disconnected(Exception):
    """The client has disconnected."""


class _TrackedSend:
    """Sends a response and remembers whether it was started."""

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)


class RequestLimits:
    """ASGI middleware that reads the body, and cancels the work for a client that disconnects or a late response."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        response = _TrackedSend(send)
        deadline = asyncio.get_running_loop().time() + self.service.settings.timeout
        try:
            self._check_content_type(scope)
            body = await self._read_body(scope, receive, deadline)
            await self._respond(body, scope, receive, response, deadline)
        except _Disconnected:
            return
        except APIError as error:
            await error.response()(scope, receive, send)
        except asyncio.CancelledError:
            if response.started or not self.service.draining:
                raise
            await APIError(503, "the server was shut down").response()(scope, receive, send)

    def _check_content_type(self, scope: Scope) -> None:
        """Check that a POST has a body of JSON, or of a form if the route takes files.

        Unlike JSON, a form on another site can be posted to a server on loopback; browsers send its origin.
        """
        if scope["method"] != "POST" or "POST" not in getattr(scope["route"], "methods", ()):
            return  # answered with 404 or 405
        headers = Headers(scope=scope)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not takes_upload(scope):
            if content_type != "application/json":
                raise APIError(415, "send JSON, with the header Content-Type: application/json")
            return
        if content_type != MULTIPART:
            raise APIError(415, f"send a form with a file, with the header Content-Type: {MULTIPART}")
        allowed = self.service.settings.cors
        trusted = "*" in allowed or headers.get("origin") in allowed
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not trusted:
            raise APIError(403, "pages of other sites may not send forms to this server, unless it allows their origin")

    async def _read_body(self, scope: Scope, receive: Receive, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                limit = MAX_UPLOAD if takes_upload(scope) else self.service.settings.max_body
                return await _read(scope, receive, limit)
        except TimeoutError:
            raise APIError(408, "the request body did not arrive in time", headers={"Connection": "close"}) from None

    async def _respond(
        self, body: bytes, scope: Scope, receive: Receive, response: _TrackedSend, deadline: float
    ) -> None:
        async def run() -> None:
            await self.app(scope, _replay(body), response)

        endpoint = asyncio.create_task(run())
        disconnect = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            remaining = deadline - asyncio.get_running_loop().time()
            await asyncio.wait({endpoint, disconnect}, timeout=max(0, remaining), return_when=asyncio.FIRST_COMPLETED)
            if not endpoint.done() and not response.started:
                await _cancel(endpoint)
                if disconnect.done():
                    raise _Disconnected
                timeout = self.service.settings.timeout
                raise APIError(504, f"timed out after {timeout:g} s; request less, or retry later")
            await endpoint
        except (_Disconnected, APIError):
            raise
        except Exception as error:
            api_error = to_api_error(error)  # logs the reason
            if not response.started:
                raise api_error from error
        finally:
            await _cancel(disconnect)
            await _cancel(endpoint)


async def _read(scope: Scope, receive: Receive, max_body: int) -> bytes:
    """Read a whole body.

    Raises:
        APIError: 413, it has more than `max_body` bytes.
        _Disconnected: the client has disconnected.
    """
    headers = Headers(scope=scope)
    declared = headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 20 else 0
    if size > max_body and (size > DISCARD_FACTOR * max_body or "expect" in headers):
        raise _too_large(max_body)
    body, count = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk = message.get("body", b"")
        count += len(chunk)
        if count <= max_body:
            body += chunk
        if not message.get("more_body") or count > DISCARD_FACTOR * max_body:
            break
    if count > max_body:
        raise _too_large(max_body)
    return bytes(body)


def _too_large(max_body: int) -> APIError:
    return APIError(413, f"request body too large; the limit is {max_body:,} bytes", headers={"Connection": "close"})


def _replay(body: bytes) -> Receive:
    """Make a `receive` that returns `body` and then blocks: disconnects are watched by the middleware."""
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Message:
        nonlocal message
        if message is None:
            await asyncio.Event().wait()
        received, message = message, None
        assert received is not None
        return received

    return receive


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
