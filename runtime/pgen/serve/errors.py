"""Errors as HTTP responses in the shape of OpenAI's API."""

import logging
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
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

REASONS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false, without quotes",
    "extra_forbidden": "unknown field",
    "greater_than_equal": "must be {ge} or more",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of fewer digits",
    "int_type": "must be an integer, without quotes",
    "less_than_equal": "must be {le} or less",
    "list_type": "must be a list",
    "literal_error": "this value is not supported; use {expected}, or leave it out",
    "missing": "missing",
    "string_too_long": "too long; the maximum is {max_length} characters",
    "string_type": "must be a string",
    "string_unicode": "contains text that is not valid Unicode",
    "too_long": "too many items; the maximum is {max_length}",
    "too_short": "too few items; the minimum is {min_length}",
}
"""Faults of a field, with their remedies, by pydantic's types of errors."""

LITERALS = {"False": "false", "True": "true"}
"""What JSON calls Python's values."""

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


async def handle_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """Answer a request with invalid fields by naming the first of them."""
    assert isinstance(error, RequestValidationError)
    first = _first(error.errors())
    if first["type"] == "json_invalid":
        reason = f"the body is not valid JSON: {first['ctx']['error']} at character {first['loc'][1]}"
        return APIError(400, reason).response()
    # Of a field that may be a text or a list, the location also has the name of the alternative.
    name, *inner = first["loc"][1:] or (None,)
    param = None if name is None else ".".join(map(str, [name, *(part for part in inner if isinstance(part, int))]))
    codes = {"extra_forbidden": "unknown_parameter", "missing": "missing_parameter"}
    reason = _reason(first, param)
    if first["type"] == "extra_forbidden":
        close = get_close_matches(str(name), _fields(request), n=1)
        reason += f"; did you mean {close[0]}?" if close else "; GET /openapi.json describes every field"
    return APIError(400, reason, param, codes.get(first["type"], "invalid_value")).response()


def _first(details: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the first fault; of the alternatives of one field, one that has the right type."""
    field = [detail for detail in details if detail["loc"][:2] == details[0]["loc"][:2]]
    return next((detail for detail in field if detail["type"] not in ("string_type", "list_type")), field[0])


def _fields(request: Request) -> list[str]:
    """List the fields of the body that the endpoint of `request` reads."""
    description = request.app.openapi()
    operation = description["paths"][request.scope["route"].path][request.method.lower()]
    (media,) = operation["requestBody"]["content"].values()
    name = media["schema"].get("$ref", "").rpartition("/")[2]
    schema = description["components"]["schemas"][name] if name else media["schema"]
    return list(schema["properties"])


def _reason(detail: Mapping[str, Any], param: str | None) -> str:
    if param is None:
        if detail["type"] == "string_unicode":
            return "the body contains text that is not valid Unicode"
        return "the body must be a JSON object"
    context = {name: LITERALS.get(value, value) for name, value in detail.get("ctx", {}).items() if name != "error"}
    reason = REASONS.get(detail["type"], "").format_map(context) or detail["msg"].removeprefix("Value error, ")
    return f"{param[:100]}: {reason}"
