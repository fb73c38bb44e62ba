"""The process: a socket, signals, and an end that leaves nobody without an answer."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from pgen.bundle.reader import open_bundle
from pgen.errors import ServeInvalid
from pgen.serve.app import create_app
from pgen.serve.config import KEY, LINGER_SECONDS, Settings
from pgen.serve.protocol import Protocol
from pgen.serve.service import Service

log = logging.getLogger("pgen.serve")

FLUSH_SECONDS = 5
"""For answers that are still on their way when all have been given."""

ENDING = (signal.SIGTERM, signal.SIGINT)
RELOADING: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    Raises:
        ServeInvalid: the address cannot be listened on.
        PokeganError: the bundle or the device cannot be used.
    """
    open_bundle(settings.bundle)  # what is wrong with it is said before a port is opened
    _log_to_stderr()
    server = Server(settings)
    with listening(settings) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        if not settings.loopback and settings.api_key is None:
            log.warning("anyone who reaches %s can use this server: set %s, or serve on 127.0.0.1", host, KEY)
        server.run([listener])
    if server.service.failure is not None:
        raise server.service.failure


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("pgen.serve", logging.INFO), ("uvicorn.error", logging.WARNING), ("asyncio", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def listening(settings: Settings) -> socket.socket:
    """Open the socket.

    Raises:
        ServeInvalid: its address is none, or taken.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise ServeInvalid(
            f"{where}: cannot be listened on ({error.strerror}); choose another --host or --port"
        ) from error


class Server(uvicorn.Server):
    """uvicorn's server, which on SIGTERM and Ctrl-C answers what it has accepted, and 503 to what then comes."""

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings)
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="on",
                loop="asyncio",
                log_config=None,
                access_log=False,  # it would write down prompts; the gate has its own
                server_header=False,
                timeout_graceful_shutdown=FLUSH_SECONDS,
            )
        )
        self.service: Service = app.state.service
        self.service.failed = self._give_up
        self._draining: asyncio.Task[None] | None = None

    def _give_up(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while the block lasts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def told(number: int, _: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._end if number in ENDING else self.service.bundles.reload)

        numbers = ENDING if RELOADING is None else (*ENDING, RELOADING)
        before = {number: signal.signal(number, told) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self) -> None:
        """Begin to end; told a second time, end at once."""
        if self._draining is None:
            self.service.draining = True
            log.info("told to end: %d requests are still answered; once more ends at once", self.service.flying)
            self._draining = asyncio.create_task(self._drain())
        else:
            self.config.timeout_graceful_shutdown = 0  # uvicorn's own way would leave the bundle's threads behind
            self.should_exit = True

    async def _drain(self) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        while self.service.flying:
            await asyncio.sleep(0.02)
        log.info("every request has been answered")
        self.should_exit = True
