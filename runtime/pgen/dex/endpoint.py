"""Client of an OpenAI-compatible endpoint: one request, one answer, and a key that is sent nowhere else."""

import json
import os
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pgen.errors import EndpointFailed

KEY = "POKEGAN_LLM_KEY"
"""The environment variable that holds the key. Its value is never stored, logged or shown."""

MAX_ANSWER = 2**20
"""Maximum size of an answer, in bytes."""

MAX_TIMEOUT = 3600.0

CHAT = "/chat/completions"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint.

    Attributes:
        base: the URL up to "/v1", without a query.
        query: the query of the URL, usually empty.
        timeout: seconds for a complete answer, however slowly it arrives.
        key: from the environment; not shown in `repr`.
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
        models = [model for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []
        return [model["id"] for model in models if isinstance(model.get("id"), str) and model["id"]]

    def ask(self, model: str, messages: list[dict[str, str]], seed: int, max_tokens: int = 500) -> str:
        """Send a conversation and return the text of the answer, of at most `max_tokens`.

        Raises:
            EndpointFailed: the endpoint cannot be reached, times out, redirects, refuses, or sends an invalid answer.
                The message has neither the key nor anything that the endpoint sent.
        """
        body = {"model": model, "messages": messages, "seed": seed % 2**31, "max_tokens": max_tokens}
        answer = self._fetch(CHAT, json.dumps(body).encode())
        try:
            text = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise self._failed("sent an answer without choices[0].message.content")
        return text

    def _fetch(self, path: str, body: bytes | None) -> dict[str, Any]:
        """Send one request in a thread and parse the answer.

        The timeout of urllib restarts with every byte, and does not cover name resolution.
        """
        answered: Future[bytes] = Future()

        def exchange() -> None:
            try:
                answered.set_result(self._exchange(path, body))
            except Exception as error:  # any error must end the wait
                answered.set_exception(error)

        Thread(target=exchange, daemon=True).start()
        try:
            content = answered.result(self.timeout)
        except TimeoutError:  # of this wait, or of the socket
            raise self._failed(f"timed out after {self.timeout:g} s") from None
        if self.key and self.key.encode() in content:
            raise self._failed("sent the key back; do not use this endpoint")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._failed("sent an answer that is not a JSON object")
        return answer

    def _exchange(self, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "pokegan"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = Request(self.base + path + (f"?{self.query}" if self.query else ""), body, headers)
        try:
            with build_opener(_NoRedirect).open(request, timeout=self.timeout) as response:
                content: bytes = response.read(MAX_ANSWER + 1)
        except TimeoutError:
            raise
        except HTTPError as error:
            error.close()
            redirect = "; use the URL that it redirects to" if 300 <= error.code < 400 else ""
            raise self._failed(f"answered with status {error.code}{redirect}") from None
        except URLError as error:
            reason = getattr(error.reason, "strerror", None) or type(error.reason).__name__
            raise self._failed(f"cannot be reached ({reason})") from None
        except Exception as error:  # its message may quote the request, and the key with it
            raise self._failed(f"broke the connection ({type(error).__name__})") from None
        if len(content) > MAX_ANSWER:
            raise self._failed(f"sent an answer of more than {MAX_ANSWER:,} bytes")
        return content

    def _failed(self, reason: str) -> EndpointFailed:
        return EndpointFailed(f"{self.base}: {reason}")


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: urllib would send the key to the other host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def parse_endpoint(url: str, timeout: float = 60.0) -> Endpoint:
    """Parse a URL, such as http://localhost:8080/v1, and read the key from the environment.

    Raises:
        EndpointFailed: the URL or the key are invalid, or the timeout is out of range.
    """
    if not 0 < timeout <= MAX_TIMEOUT:
        raise EndpointFailed(f"timeout {timeout:g}: must be more than 0 and at most {MAX_TIMEOUT:g} seconds")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise EndpointFailed("the URL of the LLM endpoint is invalid; write one such as http://localhost:8080/v1")
    if parts.username is not None or parts.password is not None:
        raise EndpointFailed(f"the URL of the LLM endpoint has a password; remove it, and set the key in {KEY}")
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EndpointFailed(f"{KEY}: has characters that are invalid in an HTTP header; set it again")
    path = parts.path.rstrip("/").removesuffix(CHAT)
    return Endpoint(urlunsplit((parts.scheme, parts.netloc, path, "", "")), parts.query, timeout, key)
