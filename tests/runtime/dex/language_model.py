"""A server on this machine that plays a language model."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pgen.dex.entry import Draft, Words
from pgen.dex.llm import LLMWriter, open_writer
from pgen.dex.templates import Appearance
from pgen.lexicon import KnownNames
from pgen.request import Request
from pgen.stats.rows import Row

SECRET = "sk-very-secret-0123456789"
GOOD = {
    "name": "Emberlo",
    "genus": "Kiln Pokémon",
    "description": "It bakes its own clay armor, and <b>glows</b> at dusk.",
}
ROW = Row(7, {"hp": 60, "speed": 120}, ("fire",), "ordinary")
DRAFTED = Words("Cindrop", "Cinder Racer Pokémon", "It runs. It glows.")
DRAFT = Draft(DRAFTED, ROW, Appearance("red", "wings"), Request("Mew", 7))
KNOWN = KnownNames(["Charizard"])
Handler = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers on a port of its own and keeps what it was sent."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.bodies: list[dict[str, Any]] = []
        self.answer: Handler = says(GOOD)
        outer = self

        class Handling(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.do_GET()

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                outer.keys.append(self.headers["Authorization"])
                try:
                    if self.path.endswith("/models"):
                        reply(self, {"data": [{"id": "first"}, {"id": "second"}]})
                    else:
                        outer.answer(self)
                except OSError:
                    pass  # the client hung up

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handling)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def writer_of(url: str, warned: list[str], timeout: float = 5.0) -> LLMWriter:
    """Open a writer by the model "some", whose warnings are added to `warned`."""
    writer = open_writer(url, "some", timeout, warned.append)
    assert writer is not None
    return writer


def reply(request: BaseHTTPRequestHandler, value: Any, status: int = 200, **headers: str) -> None:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def says(value: Any) -> Handler:
    text = value if isinstance(value, str) else json.dumps(value)
    return lambda request: reply(request, {"choices": [{"message": {"content": text}}]})
