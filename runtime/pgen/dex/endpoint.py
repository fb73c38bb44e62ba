"""An OpenAI-compatible endpoint: one question, one answer, and a key that goes nowhere else."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pgen.errors import EndpointFailed

KEY = "POKEGAN_LLM_KEY"
"""The environment variable that holds the key. Its value is never stored, logged or shown."""

MAX_ANSWER = 2**20
"""Bytes of an answer; more is not read."""

MAX_TIMEOUT = 3600.0

CHAT = "/chat/completions"


@dataclass(frozen=True)
class Endpoint:
    """Where to ask.

    Attributes:
        base: the address up to "/v1", without a query.
        query: the address's query, empty mostly.
        timeout: seconds for a whole answer, however slowly it drips.
        key: of the environment; not shown.
    """

    base: str
    query: str = field(default="", repr=False)
    timeout: float = 60.0
    key: str = field(default="", repr=False)

    def models(self) -> list[str]:
        """List the names of the models.

        Raises:
            EndpointFailed: see :meth:`ask`.
        """
        answer = self._fetch("/models", None)
        listed = answer.get("data")
        return [str(model["id"]) for model in listed if "id" in model] if isinstance(listed, list) else []

    def ask(self, model: str, messages: list[dict[str, str]], seed: int) -> str:
        """Send a conversation and return the answer's text.

        Raises:
            EndpointFailed: it cannot be reached, takes too long, redirects, refuses, or answers something else. The
                message has neither the key nor anything that the endpoint said.
        """
        told = {"model": model, "messages": messages, "seed": seed % 2**31, "max_tokens": 500}
        answer = self._fetch(CHAT, json.dumps(told).encode())
        try:
            text = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise self._failed("answers without choices[0].message.content")
        return text

    def _fetch(self, path: str, body: bytes | None) -> dict[str, Any]:
        content = _within(self.timeout, lambda: self._exchange(path, body))
        if content is None:
            raise self._failed(f"gave no answer within {self.timeout:g} s")
        if isinstance(content, str):
            raise self._failed(content)
        if self.key and self.key.encode() in content:
            raise self._failed("sent the key back; do not trust it")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._failed("answers no JSON object")
        return answer

    def _exchange(self, path: str, body: bytes | None) -> bytes | str:
        """Send one request; return the answer's bytes, or what went wrong."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "pokegan"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = Request(self.base + path + (f"?{self.query}" if self.query else ""), body, headers)
        try:
            with build_opener(_NoRedirect).open(request, timeout=self.timeout) as response:
                content: bytes = response.read(MAX_ANSWER + 1)
        except HTTPError as error:
            error.close()
            moved = "; give the address that it redirects to" if 300 <= error.code < 400 else ""
            return f"answers with status {error.code}{moved}"
        except URLError as error:
            return f"cannot be reached ({getattr(error.reason, 'strerror', None) or type(error.reason).__name__})"
        except (OSError, HTTPException, ValueError) as error:  # their texts may quote what was sent
            return f"breaks off ({type(error).__name__})"
        return content if len(content) <= MAX_ANSWER else f"answers more than {MAX_ANSWER:,} bytes"

    def _failed(self, reason: str) -> EndpointFailed:
        return EndpointFailed(f"{self.base}: {reason}")


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: urllib would send the key on to wherever it is told to go."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def _within(seconds: float, work: Callable[[], bytes | str]) -> bytes | str | None:
    """Do `work` in a thread and wait for it; None where it takes longer.

    urllib's own time-out starts anew with every byte, and does not cover looking up a name.
    """
    answers: SimpleQueue[bytes | str] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put(work())
        except Exception as error:  # whatever it was, the waiting must end
            answers.put(f"cannot be asked ({type(error).__name__})")

    Thread(target=answer, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None


def endpoint(url: str, timeout: float = 60.0) -> Endpoint:
    """Check an address, such as http://localhost:8080/v1, and take the key from the environment.

    Raises:
        EndpointFailed: it is no such address, the key cannot be sent, or the time-out is out of range.
    """
    if not 0 < timeout <= MAX_TIMEOUT:
        raise EndpointFailed(f"time-out {timeout:g}: give seconds, up to {MAX_TIMEOUT:g}")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise EndpointFailed("--llm: no address of an endpoint; give one such as http://localhost:8080/v1")
    if parts.username is not None or parts.password is not None:
        raise EndpointFailed(f"--llm: the address holds a password; leave it out, and put a key into {KEY}")
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EndpointFailed(f"{KEY}: holds blanks or signs that no header can carry; set it again")
    path = parts.path.rstrip("/").removesuffix(CHAT)
    return Endpoint(urlunsplit((parts.scheme, parts.netloc, path, "", "")), parts.query, timeout, key)
