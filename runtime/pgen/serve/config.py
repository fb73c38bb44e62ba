"""What a server is told, and the limits that it keeps whatever it is told."""

import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pgen.bundle.reader import EMBEDDED
from pgen.errors import ServeInvalid

KEY = "POKEGAN_API_KEY"
"""The environment variable that holds the key."""

MAX_PICTURES = 10
"""Pictures a request, as in OpenAI's API."""

MAX_SIDE = 1024
"""Pixels a side that a picture is enlarged to: the command goes to 4,096, but for one user."""

MAX_FRAMES = 64
MAX_ROWS = 1000
MAX_CARDS = 12

MAX_STORED = 64 * 2**20
"""Bytes of pictures that are kept for those who asked for a URL; the least recently used goes first."""

HEAD_SECONDS = 10
"""For a client to send the head of a request."""

STALL_SECONDS = 60
"""For a client that has stopped reading to go on."""

LINGER_SECONDS = 1.0
"""A server that is told to end says so for at least as long, so that nobody meets a closed door unwarned."""


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
        host: address to listen on.
        port: 0 takes a free one.
        bundle: folder of the bundle.
        device: see pgen.backends.registry.device_names.
        threads: CPU threads; 0 is one a core.
        batch: the most pictures that are drawn at once.
        wait_ms: milliseconds that a picture waits for others to be drawn with.
        queue: the most pictures that wait; a request that finds none waiting is always taken.
        timeout: seconds in which a request is answered.
        max_body: bytes that a request may have.
        cors: origins whose pages may use the server; "*" is all of them.
        log_prompts: may prompts be written to the log?
        replicated: others answer beside this one, and do not know what it keeps in memory.
        api_key: what requests have to give; None asks for nothing.
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
    replicated: bool = False
    api_key: str | None = None

    def __post_init__(self) -> None:
        """Check what the command line does not.

        Raises:
            ServeInvalid: an origin is none, or the key is empty.
        """
        for origin in self.cors:
            parts = urlsplit(origin)
            if origin != "*" and not (parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin):
                raise ServeInvalid(f"--cors {origin[:80]!r}: write an origin, such as https://example.org, or *")
        if self.api_key is not None and not self.api_key.strip():
            raise ServeInvalid(f"{KEY} is empty; set a key, or unset it to serve without one")

    @property
    def loopback(self) -> bool:
        """Is it reached from this machine alone?"""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def key_of_environment(needed: bool) -> str | None:
    """Read the key; None where there is none.

    Raises:
        ServeInvalid: it is `needed`, and there is none.
    """
    key = os.environ.get(KEY)
    if needed and key is None:
        raise ServeInvalid(f"--api-key: {KEY} is not set; put the key there, where no list of processes shows it")
    return key
