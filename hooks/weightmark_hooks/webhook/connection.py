"""A connection of the receiver's that gives up a request whose headers do not come.

uvicorn bounds how large headers are and how long a connection is kept between requests, but not how long the
headers of a request may take. The body's time is bounded by the receiver itself.
"""

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 15.0
"""For so long a connection may be open, or a request begun, before its headers are whole."""


class BoundedConnection(H11Protocol):
    """uvicorn's own connection, closed when headers take too long.

    Attributes:
        header_seconds: for so long.
    """

    header_seconds: ClassVar[float] = HEADER_SECONDS

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on; wait no longer once a request's headers are whole."""
        super().data_received(data)
        cycle = getattr(self, "cycle", None)
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def on_response_complete(self) -> None:
        """Leave the time between requests to uvicorn."""
        self._stop_waiting()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if not self.transport.is_closing():
            self._waiting = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self.transport.is_closing():
            self.transport.close()
