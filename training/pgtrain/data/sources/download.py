"""Downloads into a folder, with checksums by trust on first use.

The publishers of these files give no checksums, so the SHA-256 of each is recorded at its first download and verified
from then on. The tests download from a local server only.
"""

import hashlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from pgtrain.errors import DataInvalid, DataNotFound
from pokegan.errors import one_line
from pokegan.files import atomic_path

CHECKSUMS = "checksums.txt"
"""A file in the folder: one line a download, its SHA-256 (or "absent", where the server had none) and its name."""

ABSENT = "absent"
CHUNK = 1 << 16

SECONDS = 30.0
"""Timeout of connecting to a server, and of each read."""


@contextmanager
def socket_timeout() -> Iterator[None]:
    """Set a timeout of SECONDS for libraries that download without one, such as torch.hub."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


class Store:
    """A folder of downloaded files; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = threading.Lock()
        self._known = self._recorded()

    def get(self, url: str, name: str) -> Path:
        """Return the verified file `name`; it is downloaded from `url` where it is missing or damaged.

        Raises:
            DataNotFound: it is missing and cannot be downloaded.
            DataInvalid: the download differs from the recorded checksum.
        """
        path = self.folder / name
        known = self._known.get(name)
        if known not in (None, ABSENT) and path.is_file() and _sha256(path) == known:
            return path
        digest = self._download(url, path, known)
        if known != digest:
            self._record(name, digest)
        return path

    def get_optional(self, url: str, name: str) -> Path | None:
        """Like :meth:`get`, but return None for a file that the server does not have (404), and record it as absent."""
        if self._known.get(name) == ABSENT:
            return None
        try:
            return self.get(url, name)
        except DataNotFound as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 404:
                self._record(name, ABSENT)
                return None
            raise

    def _download(self, url: str, path: Path, known: str | None) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        total = hashlib.sha256()
        with atomic_path(path) as hidden, hidden.open("xb") as part:
            for chunk in self._chunks(url):
                total.update(chunk)
                part.write(chunk)
            if known not in (None, ABSENT, total.hexdigest()):
                raise DataInvalid(
                    f"{url}: differs from what was first downloaded; try again, or delete {self.folder} to accept it"
                )
        return total.hexdigest()

    def _chunks(self, url: str) -> Iterator[bytes]:
        # Separate from the writing, so that errors of the disk are not taken for those of the network.
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as response:
                expected, received = response.headers.get("Content-Length"), 0
                while chunk := response.read(CHUNK):
                    received += len(chunk)
                    yield chunk
        except (OSError, HTTPException) as error:
            raise DataNotFound(f"{url} cannot be downloaded ({reason(error)})") from error
        # A cut transfer ends like a whole one; the first download has no checksum to detect it.
        if expected is not None and received != int(expected):
            raise DataNotFound(f"{url} cannot be downloaded (only {received:,} of {int(expected):,} bytes came)")

    def _recorded(self) -> dict[str, str]:
        path = self.folder / CHECKSUMS
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}

    def _record(self, name: str, digest: str) -> None:
        with self._writing:
            self._known[name] = digest
            with (self.folder / CHECKSUMS).open("a", encoding="utf-8") as file:
                file.write(f"{digest}  {name}\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason(error: Exception) -> str:
    """Shorten the reason of a failed transfer to one line; network libraries write paragraphs."""
    cause = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    lines = str(cause).strip().splitlines()
    return one_line(lines[0] if lines else error, 160)
