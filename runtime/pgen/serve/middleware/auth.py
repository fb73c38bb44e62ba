"""API key authentication."""

import hashlib
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pgen.serve.errors import APIError
from pgen.serve.middleware.routing import is_public


class APIKeyAuth:
    """ASGI middleware that requires ``Authorization: Bearer KEY`` on all routes that are not public."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self.app = app
        self._key_digest = None if key is None else _digest(key.strip().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not (is_public(scope) or self._is_authorized(scope)):
            error = APIError(
                401,
                "invalid or missing API key; send the header Authorization: Bearer KEY",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await error.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_authorized(self, scope: Scope) -> bool:
        if self._key_digest is None:
            return True
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        digest = _digest(token.strip().encode("latin-1"))  # the bytes that were sent
        # Digests have the same length, so that the comparison does not leak the length of the key.
        return scheme.lower() == "bearer" and hmac.compare_digest(digest, self._key_digest)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
