"""Images that are fetched by URL, kept in memory within a size limit."""

import secrets
from collections import OrderedDict


class FileStore:
    """Keeps files under unguessable names; beyond `max_bytes` the least recently used are evicted."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.total_bytes = max_bytes, 0
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def put(self, content: bytes, extension: str) -> str:
        """Store a file and return its name, which ends in `extension`."""
        name = f"{secrets.token_urlsafe(24)}.{extension}"
        self._files[name] = content
        self.total_bytes += len(content)
        while self.total_bytes > self.max_bytes and len(self._files) > 1:
            self.total_bytes -= len(self._files.popitem(last=False)[1])
        return name

    def get(self, name: str) -> bytes | None:
        """Return a file; None if it was evicted or never stored."""
        if name not in self._files:
            return None
        self._files.move_to_end(name)
        return self._files[name]
