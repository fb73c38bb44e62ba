"""Errors as HTTP responses in the shape of OpenAI's API."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pgen.errors import BundleNotFound, OutputInvalid, PromptInvalid, RequestInvalid
from pokegan.errors import PokeganError

log = logging.getLogger("pgen.serve")

TYPES = {401: "authentication_error", 429: "rate_limit_error"}
"""OpenAI's error types that belong to one status; the others follow from the hundreds."""

CODES = {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "queue_full",
    500: "internal_error",
    503: "unavailable",
    504: "deadline_exceeded",
}

MAX_MESSAGE = 300
"""Characters of an error message, which may repeat what the client sent."""


class APIError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        message: one line for the client.
        param: the request field at fault.
        code: machine-readable reason; None for the status's own, see CODES.
        headers: of the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.headers = status, message, param, code, headers

    def response(self) -> JSONResponse:
        """Build the HTTP response."""
        error_type = TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        code = self.code or CODES.get(self.status, "error")
        error = {"message": _encodable(self.message), "type": error_type, "param": _encodable(self.param), "code": code}
        return JSONResponse({"error": error}, self.status, self.headers)


def _encodable(text: str | None) -> str | None:
    """Shorten a text and escape lone surrogates, which JSON allows in a field name and UTF-8 does not."""
    if text is None:
        return None
    return text[:MAX_MESSAGE].encode("utf-8", "backslashreplace").decode()


def to_api_error(error: Exception) -> APIError:
    """Convert any error to what the client sees; the reason of a server fault goes to the log instead."""
    if isinstance(error, APIError):
        return error
    if isinstance(error, (PromptInvalid, RequestInvalid, OutputInvalid)):
        return APIError(400, f"{error}; GET /openapi.json describes every field", code=error.code)
    if isinstance(error, BundleNotFound):  # its message names paths of the server
        message = "the served bundle has no model for this request; GET /v1/about lists its models"
        return APIError(404, message, code="model_not_found")
    if isinstance(error, PokeganError):
        log.error("request failed: %s", error)
    else:
        log.error("request failed", exc_info=error)
    return APIError(500, "internal server error; see the server's log")


async def handle_error(_: Request, error: Exception) -> JSONResponse:
    """Answer an error that an endpoint raised."""
    return to_api_error(error).response()


async def handle_http_error(_: Request, error: Exception) -> JSONResponse:
    """Answer an error of the framework: an unknown path, a wrong method, an unreadable body."""
    assert isinstance(error, HTTPException)
    messages = {404: "not found; GET /openapi.json lists the endpoints", 405: "method not allowed for this path"}
    return APIError(error.status_code, messages.get(error.status_code, error.detail), headers=error.headers).response()


async def handle_invalid_request(_: Request, error: Exception) -> JSONResponse:
    """Answer a request with invalid fields by naming the first of them."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    location = [str(part) for part in first["loc"][1:]]
    if first["type"] == "json_invalid":
        reason = f"the body is not valid JSON: {first['ctx']['error']} at character {location[0]}"
        return APIError(400, reason).response()
    param = ".".join(location) or None
    codes = {"extra_forbidden": "unknown_parameter", "missing": "missing_parameter"}
    return APIError(400, _reason(first, param), param, codes.get(first["type"], "invalid_value")).response()


def _reason(detail: Mapping[str, Any], param: str | None) -> str:
    if param is None:
        if detail["type"] == "string_unicode":
            return "the body contains text that is not valid Unicode"
        return "the body must be a JSON object"
    reasons = {"extra_forbidden": "unknown field", "missing": "missing"}
    return f"{param[:100]}: {reasons.get(detail['type'], detail['msg'].removeprefix('Value error, '))}"
