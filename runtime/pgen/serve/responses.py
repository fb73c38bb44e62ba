"""What the endpoints share: how they find the service, and how answers and errors look."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from pgen.serve.schemas import FaultTold
from pgen.serve.service import Service

PROBLEMS = {
    400: "The request is wrong.",
    401: "The key is wrong, or missing.",
    404: "There is no such thing.",
    408: "The request did not come in time.",
    413: "The request is too large.",
    415: "The body is not said to be JSON.",
    429: "Too many pictures wait; Retry-After tells when to ask again.",
    500: "The server failed.",
    503: "The server is starting, or ending.",
    504: "The answer did not come in time.",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": FaultTold, "description": told} for status, told in PROBLEMS.items()
}
"""The errors of every endpoint of the API."""


def binary(*types: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in types}
    return {200: {"content": content, "description": "The file."}}


PNG = binary("image/png", "image/webp") | {304: {"description": "It is what the client has already."}}


class JSON(Response):
    """A model as JSON, without what is None."""

    media_type = "application/json"

    def render(self, content: BaseModel) -> bytes:
        """Write it."""
        return content.model_dump_json(exclude_none=True).encode()


def service_of(request: Request) -> Service:
    """Find the service of the server that got `request`."""
    service: Service = request.app.state.service
    return service


def tell(request: Request, **things: Any) -> None:
    """Note for the log what a request is about."""
    request.scope.setdefault("pgen.told", {}).update(things)
