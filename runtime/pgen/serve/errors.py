"""Errors as answers, in the shape of OpenAI's API."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pgen.errors import OutputInvalid, PromptInvalid, RequestInvalid
from pokegan.errors import PokeganError

log = logging.getLogger("pgen.serve")

KINDS = {401: "authentication_error", 429: "rate_limit_error"}
"""What OpenAI's clients know as the type of an error; others go by the hundreds."""

CODES = {
    400: "invalid_request",
    401: "invalid_api_key",
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

MAX_TOLD = 300
"""Characters of a message, which may repeat what the client sent."""


class Refusal(Exception):
    """A request that is answered with an error."""

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
        """Make the answer."""
        kind = KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        code = self.code or CODES.get(self.status, "error")
        error = {"message": _plain(self.message), "type": kind, "param": _plain(self.param), "code": code}
        return JSONResponse({"error": error}, self.status, self.headers)


def _plain(text: str | None) -> str | None:
    """Make a text fit for JSON: half a surrogate pair, which a client may send as the name of a field, is not."""
    if text is None:
        return None
    return text[:MAX_TOLD].encode("utf-8", "backslashreplace").decode()


def refusal_of(error: Exception) -> Refusal:
    """Turn any error into what a client is told: the reason where it is theirs, and no more than that where it is not.

    What goes wrong on the server's side is written to the log instead, in a line where the reason is known.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestInvalid | PromptInvalid | OutputInvalid):
        return Refusal(400, error.message)
    if isinstance(error, PokeganError):
        log.error("a request failed: %s", error.message)
    else:
        log.error("a request failed", exc_info=error)
    return Refusal(500, "the server failed to do this; its log says why")


async def answer_refusal(_: Request, error: Exception) -> JSONResponse:
    """Answer any of this server's own errors."""
    return refusal_of(error).response()


async def answer_http(_: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown paths, other methods, bodies that are none."""
    assert isinstance(error, HTTPException)
    told = {404: "there is nothing here; GET /docs tells what there is", 405: "the method does not fit this path"}
    return Refusal(error.status_code, told.get(error.status_code, error.detail), headers=error.headers).response()


async def answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """Answer a request whose fields are wrong with the first that is."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    kind, place = first["type"], [str(part) for part in first["loc"][1:]]
    if kind == "json_invalid":
        return Refusal(400, f"the body is no JSON: {first['ctx']['error']} at character {place[0]}").response()
    param = ".".join(place) or None
    return Refusal(400, _reason(first, param), param, _code(kind)).response()


def _reason(first: Mapping[str, Any], param: str | None) -> str:
    if param is None:
        broken = first["type"] == "string_unicode"
        return "the body has a text that is no Unicode" if broken else "the body has to be a JSON object"
    told = {"extra_forbidden": "there is no such field", "missing": "is missing"}
    return f"{param[:100]}: {told.get(first['type'], first['msg'].removeprefix('Value error, '))}"


def _code(kind: str) -> str:
    return {"extra_forbidden": "unknown_parameter", "missing": "missing_parameter"}.get(kind, "invalid_value")
