"""Settings of a server, and its fixed limits."""

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pgen.bundle.reader import EMBEDDED
from pgen.errors import ServeInvalid

API_KEY_VARIABLE = "POKEGAN_API_KEY"
"""The environment variable that holds the API key."""

MAX_IMAGES = 10
"""Images per request, as in OpenAI's API."""

MAX_SIDE = 1024
"""Pixels a side of a resized image. The command line allows 4,096, for a single user."""

MAX_FRAMES = 64
MAX_ROWS = 1000
MAX_CARDS = 12

MAX_UPLOAD = 8 * 2**20
"""Bytes of a request with an image; other bodies have `Settings.max_body`."""

MAX_STORED_BYTES = 64 * 2**20
"""Total size of the images kept for `url` responses; the least recently used are evicted first."""

HEADER_TIMEOUT = 10
"""Seconds in which a client must send the head of a request."""

WRITE_TIMEOUT = 60
"""Seconds after which a client that does not read its response is disconnected."""

MIN_DRAIN_SECONDS = 1.0
"""Minimum drain time, so that load balancers see /readyz fail before the port closes."""


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
        host: address to listen on.
        port: 0 selects a free port.
        bundle: folder of the bundle.
        device: see pgen.backends.registry.device_names.
        threads: CPU threads; 0 for one per core.
        batch: maximum batch size.
        wait_ms: milliseconds that an image waits for its batch to fill.
        queue: maximum number of queued images; a request that finds the queue empty is always accepted.
        timeout: seconds in which a request must be answered.
        max_body: maximum size of a request body, in bytes.
        cors: origins whose pages may use the API; "*" allows all.
        log_prompts: write prompts to the log.
        root_path: path under which a proxy serves this server, such as "/pokemon", whether or not it strips it.
        forwarded_allow_ips: trusted proxies, whose X-Forwarded-For and X-Forwarded-Proto are used; "*": all.
        public_url: the address that clients see, for `url` responses; None for that of the request.
        replicated: other replicas answer requests too, so that no response may depend on this process's memory.
        api_key: key that requests must carry; None serves without one.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    bundle: Path = EMBEDDED
    device: str = "auto"
    threads: int = 0
    batch: int = 8
    wait_ms: float = 3.0
    queue: int = 128
    timeout: float = 30.0
    max_body: int = 2**16
    cors: tuple[str, ...] = ()
    log_prompts: bool = False
    root_path: str = ""
    forwarded_allow_ips: str = "127.0.0.1"
    public_url: str | None = None
    replicated: bool = False
    api_key: str | None = None

    def __post_init__(self) -> None:
        """Check what the command line does not.

        Raises:
            ServeInvalid: an origin, path or address is malformed, or the key is empty.
        """
        for origin in self.cors:
            parts = urlsplit(origin)
            if origin != "*" and not (parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin):
                raise ServeInvalid(f"{origin[:80]!r} is not an origin; write https://example.org, or *")
        if self.root_path and not re.fullmatch(r"(/[\w.~-]+)+", self.root_path, re.ASCII):
            raise ServeInvalid(f"root path {self.root_path[:80]!r}: write a path such as /pokemon")
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
                raise ServeInvalid(f"public URL {self.public_url[:80]!r}: write an address such as https://example.org")
        if self.api_key is not None and not self.api_key.strip():
            raise ServeInvalid(f"{API_KEY_VARIABLE} is empty; set a key, or unset it to serve without one")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_api_key(required: bool) -> str | None:
    """Read the API key from the environment; None if it is not set.

    Raises:
        ServeInvalid: it is `required` and not set.
    """
    key = os.environ.get(API_KEY_VARIABLE)
    if required and key is None:
        raise ServeInvalid(f"{API_KEY_VARIABLE} is not set; set it to the key")
    return key
