"""Pictures that are fetched by a URL: kept in memory, as long as there is room."""

import secrets
from collections import OrderedDict
from typing import NamedTuple


class Stored(NamedTuple):
    """A file: its content and media type."""

    content: bytes
    media_type: str


class Store:
    """Keeps files under names that cannot be guessed; when `most` bytes are exceeded, the least recently used go."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._files: OrderedDict[str, Stored] = OrderedDict()

    def put(self, content: bytes, extension: str) -> str:
        """Keep a file and name it."""
        name = f"{secrets.token_urlsafe(24)}.{extension}"
        self._files[name] = Stored(content, f"image/{extension}")
        self._bytes += len(content)
        while self._bytes > self._most and len(self._files) > 1:
            self._bytes -= len(self._files.popitem(last=False)[1].content)
        return name

    def get(self, name: str) -> Stored | None:
        """Find a file; None where it is gone, or never was."""
        if name not in self._files:
            return None
        self._files.move_to_end(name)
        return self._files[name]
