"""HTTP connections that end where a request does not come.

uvicorn waits for ever for the rest of a request's headers: a few hundred half-sent requests would hold all
the file descriptors of the process (the attack is known as Slowloris). The body has its own limit
(`karma_api.app`), and a silent connection after an answer ends by `timeout_keep_alive`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

PUNCTUAL: Final = f"{__name__}:PunctualProtocol"
"""As uvicorn's `--http` names it."""
HEADER_SECONDS: Final = 10.0
"""From the connection, or the first byte of its next request, to the end of the headers. nginx's
`client_header_timeout` is 60; ours: headers come in one piece."""


class PunctualProtocol(H11Protocol):
    """uvicorn's protocol, with a limit on the time until a request's headers are there."""

    header_seconds = HEADER_SECONDS
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on, where the headers are not whole yet."""
        super().data_received(data)
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if is_busy or self.transport.get_protocol() is not self:  # a WebSocket has taken the connection over
            self._stop_waiting()
        elif self._waiting is None and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
