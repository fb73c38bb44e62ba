"""The server process: socket, signals and graceful shutdown."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

import uvicorn

from pgen.bundle.reader import open_bundle
from pgen.errors import ServeInvalid
from pgen.serve.app import create_app
from pgen.serve.config import API_KEY_VARIABLE, MIN_DRAIN_SECONDS, Settings
from pgen.serve.protocol import Protocol
from pgen.serve.service import Service
from pokegan.signals import handling

log = logging.getLogger("pgen.serve")

FLUSH_SECONDS = 5
"""For uvicorn to send the last responses after all requests have finished."""

SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)
RELOAD_SIGNAL: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none


def serve(settings: Settings) -> None:
    """Serve until the process receives SIGTERM or SIGINT.

    Raises:
        ServeInvalid: the address cannot be bound.
        PokeganError: the bundle or the device cannot be used.
    """
    open_bundle(settings.bundle)  # so that an invalid bundle is reported before the port opens
    _log_to_stderr()
    server = Server(settings)
    with bind(settings) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        if not settings.loopback and settings.api_key is None:
            log.warning("no API key: anyone who can reach %s can use this server; set %s", host, API_KEY_VARIABLE)
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


def bind(settings: Settings) -> socket.socket:
    """Open the listening socket.

    Raises:
        ServeInvalid: the address is invalid or in use.
    """
    try:
        addresses = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = addresses[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = f"cannot bind {settings.host}:{settings.port} ({error.strerror})"
        raise ServeInvalid(f"{reason}; choose another host or port") from error


class Server(uvicorn.Server):
    """uvicorn's server with draining: SIGTERM and SIGINT let accepted requests finish and refuse new ones with 503."""

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
                access_log=False,  # it would log prompts; see middleware.access_log
                server_header=False,
                forwarded_allow_ips=settings.forwarded_allow_ips,
                timeout_graceful_shutdown=FLUSH_SECONDS,
            )
        )
        self.service: Service = app.state.service
        self.service.on_failure = self._exit
        self._draining: asyncio.Task[None] | None = None

    def _exit(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals while the block lasts."""
        loop = asyncio.get_running_loop()

        def handle(number: int, _: FrameType | None) -> None:
            loop.call_soon_threadsafe(
                self._shut_down if number in SHUTDOWN_SIGNALS else self.service.bundles.request_reload
            )

        numbers = SHUTDOWN_SIGNALS if RELOAD_SIGNAL is None else (*SHUTDOWN_SIGNALS, RELOAD_SIGNAL)
        with handling(handle, numbers):
            yield

    def _shut_down(self) -> None:
        """Start to drain; exit immediately on the second call."""
        if self._draining is None:
            self.service.draining = True
            log.info("shutting down: %d requests in flight; signal again to exit immediately", self.service.in_flight)
            self._draining = asyncio.create_task(self._drain())
        else:
            self.config.timeout_graceful_shutdown = 0  # uvicorn's force_exit would leave the bundle's threads behind
            self.should_exit = True

    async def _drain(self) -> None:
        await asyncio.sleep(MIN_DRAIN_SECONDS)
        while self.service.in_flight:
            await asyncio.sleep(0.02)
        log.info("all requests finished")
        self.should_exit = True
