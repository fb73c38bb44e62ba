"""The outermost layer: headers of every answer, the line in the log, and what is counted."""

import json
import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgen.serve.service import Service

log = logging.getLogger("pgen.serve")

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy: nothing from elsewhere, no script or style inside of a page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of a page holds its prompt
    "Cross-Origin-Opener-Policy": "same-origin",
}

PATTERNS = {
    "/v1/images/files/": "/v1/images/files/{name}",
    "/v1/models/": "/v1/models/{name}",
    "/static/": "/static/{path}",
}

PATHS = frozenset(
    (
        *("/", "/docs", "/docs/style.css", "/openapi.json", "/healthz", "/readyz", "/metrics"),
        *("/v1/images", "/v1/images/generations", "/v1/morph", "/v1/stats", "/v1/dex"),
        *("/v1/models", "/v1/names", "/v1/about"),
    )
)

OFTEN = frozenset(("/healthz", "/readyz", "/metrics"))
"""Asked for every few seconds, and no news."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

GAVE_UP = 499
"""What is noted where the client has left; no such status is ever sent."""


def label(path: str) -> str:
    """Name a path for the figures, which are kept for each of them: what clients make up counts as one.

    >>> label("/v1/models/stackgan"), label("/wp-admin")
    ('/v1/models/{name}', 'other')
    """
    if path in PATHS:
        return path
    return next((pattern for start, pattern in PATTERNS.items() if path.startswith(start)), "other")


class Gate:
    """ASGI middleware that knows of every request and every answer."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        # With CORS other origins' pages may show pictures; without, a browser lets none of them.
        policy = "cross-origin" if service.settings.cors else "same-origin"
        self._headers = HEADERS | {"Cross-Origin-Resource-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began, service = GAVE_UP, perf_counter(), self.service
        scope["pgen.told"] = {}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if service.draining:
                    headers["Connection"] = "close"
            await send(message)

        service.flying += 1
        service.metrics.flying.inc()
        try:
            await self.app(scope, receive, answer)
        finally:
            service.flying -= 1
            service.metrics.flying.dec()
            self._note(scope, status, perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        path = label(path_of(scope))
        self.service.metrics.answered(method, path, status, seconds)
        told = ""
        if self.service.settings.log_prompts and scope["pgen.told"]:
            told = f" {json.dumps(scope['pgen.told'])}"  # in ASCII, so that no prompt can pass for a line of the log
        level = logging.DEBUG if path in OFTEN else logging.INFO
        log.log(level, "%s %s %d, %.0f ms%s", method, path, status, 1e3 * seconds, told)


def path_of(scope: Scope) -> str:
    """Find the path of a request, below where the server is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
