"""Who may use the API."""

import hashlib
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from pgen.serve.errors import Refusal
from pgen.serve.middleware.access_log import path_of

FREE = frozenset(("/", "/healthz", "/readyz", "/docs", "/docs/style.css", "/openapi.json"))
FREE_BELOW = ("/static/", "/v1/images/files/")
"""Without a key: the page, health, the documentation, and pictures whose names nobody can guess. All else asks."""


class Access:
    """ASGI middleware that asks for ``Authorization: Bearer KEY``."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self.app = app
        self._key = None if key is None else _digest(key.strip().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._key is not None and not (_free(path_of(scope)) or self._known(scope)):
            refusal = Refusal(
                401, "give the server's key: Authorization: Bearer KEY", headers={"WWW-Authenticate": "Bearer"}
            )
            await refusal.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        # Digests have one length, so that nothing is told of the key's.
        return scheme.lower() == b"bearer" and hmac.compare_digest(_digest(token.strip()), self._key or b"")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _free(path: str) -> bool:
    return path in FREE or path.startswith(FREE_BELOW)
