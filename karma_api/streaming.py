"""Server-sent events over an open connection: events are sent as the log gets them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import anyio
from anyio.to_thread import run_sync

from karma_api.dispatch import identified
from karma_api.exchange import Incoming
from karma_api.metrics import Metrics
from karma_api.problems import TooManyRequests
from karma_api.reading import read
from karma_api.resources.events import StreamAsked, first, frames_after, newest, opening
from karma_api.route import Route
from karma_api.service import Service, Services
from karma_core.errors import KarmaError

POLL_SECONDS: Final = 0.3
"""How often the log's head is asked for; it is one row."""
QUIET_SECONDS: Final = 15.0
"""After so long without an event a comment is sent, as the HTML standard advises against proxies that cut
silent connections."""
OF_ONE: Final = 10
"""Streams of one caller. Ours: a page has one, and a person some pages."""
TRUST_SECONDS: Final = 0.5
"""How long a stream lasts without its caller's token being looked up again: with what `access` remembers, one
that was revoked gets no event a second later."""


class Streams:
    """The open streams of a process."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._open = 0
        self._of: Counter[str] = Counter()

    async def begin(self, route: Route, incoming: Incoming) -> AsyncIterator[bytes]:
        """A stream that has been let in; its errors are raised here, before anything is sent."""
        service, caller = await run_sync(identified, self._services, route, incoming)
        asked = read(route, incoming)
        assert isinstance(asked, StreamAsked)  # noqa: S101 - the route says so
        seq = await run_sync(first, service, asked)
        if self._open >= service.limits.streams:
            raise TooManyRequests(
                "too many event streams are open",
                why=f"at most {service.limits.streams} are served",
                next_step="close one, or ask GET /log",
                retry_after=5,
            )
        if self._of[caller.key] >= OF_ONE:
            raise TooManyRequests(
                f"{caller.user} has too many event streams open",
                why=f"at most {OF_ONE} are served to one caller",
                next_step="close one, or ask GET /log",
                retry_after=5,
            )
        frames = self._frames(service, route, incoming, asked, seq, caller.key)
        # From here it counts: nothing is waited for between the look at the limit and this.
        await anext(frames)
        return frames

    async def _frames(
        self, service: Service, route: Route, incoming: Incoming, asked: StreamAsked, seq: int, key: str
    ) -> AsyncGenerator[bytes, None]:
        """The stream; its first frame is empty."""
        self._open += 1
        self._of[key] += 1
        self._metrics.streams.inc()
        said_at = known_at = time.monotonic()
        try:
            yield b""
            yield opening()
            while True:
                if time.monotonic() - known_at > TRUST_SECONDS:
                    await run_sync(service.access.identify, incoming, route.name, route.role)
                    known_at = time.monotonic()
                frames, seq = await run_sync(_next, service, asked, seq)
                if frames:
                    said_at = time.monotonic()
                    yield frames
                elif time.monotonic() - said_at > QUIET_SECONDS:
                    said_at = time.monotonic()
                    yield b": still here\n\n"
                else:
                    await anyio.sleep(POLL_SECONDS)
        except KarmaError:
            return  # the client comes back, and is told then
        finally:
            self._open -= 1
            self._of[key] -= 1
            if not self._of[key]:
                del self._of[key]
            self._metrics.streams.dec()


def _next(service: Service, asked: StreamAsked, seq: int) -> tuple[bytes, int]:
    """The frames behind a number; the log is read only where its head has moved."""
    return frames_after(service, asked, seq) if newest(service) > seq else (b"", seq)
