"""The route of a request, found before any middleware answers it."""

from typing import Any

from starlette.routing import Match, Route
from starlette.types import Scope

PUBLIC: dict[str, Any] = {"security": []}
"""`openapi_extra` of an endpoint that needs no API key, in OpenAPI's own terms."""

MULTIPART = "multipart/form-data"
"""Content type of forms with files."""

HEALTH = "health"
"""Tag of the endpoints that monitoring polls every few seconds; their requests are logged at DEBUG."""


def find_route(scope: Scope) -> Route | None:
    """Match a request against the routes of its application; a route of another method answers it with 405."""
    other_method = None
    for route in scope["app"].routes:
        match = route.matches(scope)[0]
        if match is Match.FULL:
            return route  # type: ignore[no-any-return]
        if match is Match.PARTIAL and other_method is None:
            other_method = route
    return other_method


def label(scope: Scope) -> str:
    """Name the route of a request for metrics and log: one label for all unknown paths, which clients invent."""
    return getattr(scope["route"], "path_format", "other")


def is_public(scope: Scope) -> bool:
    """Whether the route declares that it needs no API key; unknown paths do not."""
    extra = getattr(scope["route"], "openapi_extra", None)
    return extra is not None and extra.get("security") == []


def takes_upload(scope: Scope) -> bool:
    """Whether the route declares that its body is a form with files, not JSON."""
    extra = getattr(scope["route"], "openapi_extra", None) or {}
    return MULTIPART in extra.get("requestBody", {}).get("content", {})


def is_health(scope: Scope) -> bool:
    """Whether the route is one of the health checks."""
    return HEALTH in getattr(scope["route"], "tags", ())
