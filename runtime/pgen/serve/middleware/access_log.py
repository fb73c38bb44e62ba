"""The outermost middleware: response headers, the access log and request metrics."""

import json
import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgen.serve.middleware.routing import find_route, is_health, label
from pgen.serve.service import Service

log = logging.getLogger("pgen.serve")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No content of other sites, no inline scripts or styles."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the page's URL contains its prompt
    "Cross-Origin-Opener-Policy": "same-origin",
}

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that disconnected; logged, never sent."""


class AccessLog:
    """ASGI middleware that sees every request and response.

    It adds to the scope: `root_path`, of the settings; `route`, see :func:`find_route`; `pgen.draining`, whether the
    server was shutting down when the request came; `pgen.prompts`, which endpoints fill for the log.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        # With CORS, pages of other origins may embed images; without it, browsers block that.
        policy = "cross-origin" if service.settings.cors else "same-origin"
        self._headers = HEADERS | {"Cross-Origin-Resource-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start, service, method = CLIENT_CLOSED_REQUEST, perf_counter(), self.service, scope["method"]
        if method == "HEAD":  # answered as GET is, without the body
            scope = {**scope, "method": "GET"}
        if service.settings.root_path:  # uvicorn would also put it before paths from which no proxy stripped it
            scope["root_path"] = service.settings.root_path
        scope.update({"route": find_route(scope), "pgen.draining": service.draining, "pgen.prompts": {}})

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if service.draining:
                    headers["Connection"] = "close"
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        service.in_flight += 1
        service.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            service.in_flight -= 1
            service.metrics.in_flight.dec()
            self._record(scope, method, status, perf_counter() - start)

    def _record(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else "other"
        path = label(scope)
        self.service.metrics.record_request(method, path, status, seconds)
        prompts = ""
        if self.service.settings.log_prompts and scope["pgen.prompts"]:
            prompts = f" {json.dumps(scope['pgen.prompts'])}"  # ASCII on one line: a prompt cannot forge log lines
        level = logging.DEBUG if is_health(scope) else logging.INFO
        log.log(level, "%s %s %d, %.0f ms%s", method, path, status, 1e3 * seconds, prompts)
