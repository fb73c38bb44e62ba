"""A static web host under a sub-path, which compresses as hosts do and can lose or damage files, and its page."""

import contextlib
import gzip
import mimetypes
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PREFIX = "/a/sub-path/"

COMPRESSED = {".html", ".js", ".css", ".json", ".svg", ".wasm", ".txt", ".webmanifest"}
"""What static hosts compress: texts, and WebAssembly."""

Change = Callable[[bytes], bytes | None]


@dataclass
class Site:
    """A served folder.

    Attributes:
        folder: what is served; may be replaced while the site runs.
        address: of its page.
        changes: by a part of a path, what becomes of the file's content; None loses it.
        is_down: whether it closes connections without an answer.
        sends_headers: whether it sends what the folder's file _headers says, as Netlify and Cloudflare Pages do.
        sent: path and bytes of the body of every answer, in order.
    """

    folder: Path
    address: str = ""
    changes: dict[str, Change] = field(default_factory=dict)
    is_down: bool = False
    sends_headers: bool = False
    sent: list[tuple[str, int]] = field(default_factory=list)

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None if it is not there."""
        file = self.folder / (path or "index.html")
        if not file.is_file():
            return None
        content: bytes | None = file.read_bytes()
        for part, change in self.changes.items():
            if part in path and content is not None:
                content = change(content)
        return content

    def headers(self, path: str) -> dict[str, str]:
        """Return the headers for a path: those of all rules of the file _headers that match it."""
        headers: dict[str, str] = {}
        matches = False
        for line in (self.folder / "_headers").read_text("utf-8").splitlines() if self.sends_headers else []:
            if line.startswith("/"):
                matches = fnmatchcase(f"/{path}", line)
            elif matches:
                name, _, value = line.strip().partition(": ")
                assert name not in headers, "hosts would send both values"
                headers[name] = value
        return headers


@contextlib.contextmanager
def hosted(folder: Path) -> Iterator[Site]:
    """Serve `folder` on a free port."""
    site = Site(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if site.is_down:
                self.close_connection = True
                return
            path = self.path.partition("?")[0]
            content = site.read(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
            file = "index.html" if path.endswith("/") else path
            body = b"nothing here" if content is None else content
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", mimetypes.guess_type(file)[0] or "application/octet-stream")
            if content is not None and Path(file).suffix in COMPRESSED:
                body = compressed(body)
                self.send_header("Content-Encoding", "gzip")
            for name, value in site.headers(path.removeprefix(PREFIX)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)
            site.sent.append((path, len(body)))

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # a browser that closes
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}{PREFIX}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@cache
def compressed(content: bytes) -> bytes:
    """Compress as hosts do, which keep the result."""
    return gzip.compress(content, 6, mtime=0)


def call(page: Any, name: str, *arguments: Any) -> Any:
    """Call a function of the page's backend; pictures come as data URLs."""
    return page.evaluate(
        """async ([name, arguments]) => {
            const script = document.querySelector("script[type=module]").src
            const backend = await import(new URL("backend.js", script))
            const result = await backend[name](...arguments)
            if (!(result instanceof Blob)) return result
            const reader = new FileReader()
            return new Promise((resolve) => {
                reader.onload = () => resolve(reader.result)
                reader.readAsDataURL(result)
            })
        }""",
        [name, arguments],
    )
