"""What the endpoints share: access to the service, and the OpenAPI descriptions of responses and errors."""

import secrets
from typing import Any

from fastapi import Request

from pgen.request import choose_seeds
from pgen.serve.bundle_state import LoadedBundle
from pgen.serve.errors import APIError
from pgen.serve.schemas import ErrorResponse
from pgen.serve.service import Service

DESCRIPTIONS = {
    400: "Invalid request.",
    401: "Invalid or missing API key.",
    403: "A page of another site sent a form.",
    404: "Not found.",
    408: "The request body did not arrive in time.",
    413: "The request body is too large.",
    415: "The content type is not that of the request body.",
    429: "The queue is full; retry after the seconds in Retry-After.",
    500: "Internal server error.",
    503: "The server is starting or shutting down.",
    504: "The response took too long.",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description} for status, description in DESCRIPTIONS.items()
}
"""`responses` of every endpoint of the API."""

RANDOM_SEEDS = 2**32
"""Random seeds are below this: short enough to write down, and exact in JavaScript."""


def binary(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe a response that is a file."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {200: {"content": content, "description": "The file."}}


IMAGE_FILE = binary("image/png", "image/webp", "image/jpeg") | {304: {"description": "The client's copy is current."}}


def service_of(request: Request) -> Service:
    """Return the service of the server that received `request`."""
    service: Service = request.app.state.service
    return service


def base_url(request: Request) -> str:
    """Return the address under which the client of `request` sees this server, without a slash at its end."""
    return (service_of(request).settings.public_url or str(request.base_url)).rstrip("/")


def bundle_for(request: Request) -> LoadedBundle:
    """Return the bundle that answers `request`.

    Raises:
        APIError: 503, the server is starting, or was shutting down when the request arrived.
    """
    if request.scope["pgen.draining"]:
        raise APIError(503, "the server is shutting down; retry", headers={"Retry-After": "1"})
    return service_of(request).bundles.current()


def log_prompts(request: Request, **prompts: str) -> None:
    """Pass the prompts of `request` to the access log, which writes them only with --log-prompts."""
    request.scope["pgen.prompts"].update(prompts)


def seeds_of(seed: int | None, n: int) -> list[int]:
    """List `n` consecutive seeds from `seed`, or from a random one.

    Raises:
        RequestInvalid: they exceed the largest seed.
    """
    return list(choose_seeds(n, secrets.randbelow(RANDOM_SEEDS) if seed is None else seed))
