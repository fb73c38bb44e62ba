"""HTTP/1.1 with header and write timeouts."""

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

from pgen.serve.config import HEADER_TIMEOUT, WRITE_TIMEOUT


class Protocol(H11Protocol):
    """uvicorn's protocol plus timeouts against slow clients, which uvicorn does not have.

    The head of a request must arrive within HEADER_TIMEOUT and its body within the server's timeout (see
    :mod:`pgen.serve.middleware.limits`); a response that is not read for WRITE_TIMEOUT is aborted.
    """

    _header_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the header timeout."""
        super().connection_made(transport)
        # asyncio sets this on sockets that it opens itself. Without it, the body of a response waits for the client to
        # acknowledge the head, which Linux delays by 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._header_timer = self.loop.call_later(HEADER_TIMEOUT, transport.close)

    def data_received(self, data: bytes) -> None:
        """Stop the header timeout once the head is complete; single bytes of it do not restart the timer."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        elif not answering and self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_TIMEOUT, self.transport.close)

    def pause_writing(self) -> None:
        """Start the write timeout."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the write timeout."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timeouts."""
        super().connection_lost(exc)
        for timer in (self._header_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
