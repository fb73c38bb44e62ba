"""HTTP/1.1 that waits for no client for ever, and lets none wait for the end of an answer."""

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol

from pgen.serve.config import HEAD_SECONDS, STALL_SECONDS


class Protocol(H11Protocol):
    """uvicorn's protocol, which closes what a slow client would keep open: uvicorn itself knows no such limits.

    The head of a request has to come within HEAD_SECONDS; its body within the server's timeout (see
    :mod:`pgen.serve.middleware.limits`); and an answer that is not read for STALL_SECONDS is given up.
    """

    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        # asyncio does so for the sockets that it opens itself. Without it the body of an answer waits for the client's
        # system to acknowledge the head, which Linux puts off by 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._late = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Read on; the time for a head is not begun anew by each byte of it."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self._late is not None:
            self._late.cancel()
            self._late = None
        elif not answering and self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        super().connection_lost(exc)
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()
