"""The API as a process: uvicorn on loopback, or on a Unix socket."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from karma_adapters.processes.signs_of_life import BEAT_SECONDS, SignsOfLife
from karma_adapters.wiring.settings import API_PORT, Settings
from karma_api.app import create_app
from karma_api.http_protocol import PunctualProtocol

__all__ = ["create_app", "serve", "serve_as_set"]

STOP_SECONDS = 5
"""How long open requests may go on after SIGTERM; event streams are cut then, and clients come back."""

KEEP_ALIVE_SECONDS = 75
"""How long a silent connection is kept. More than the 60 s of nginx and AWS load balancers, so that these
close first: a request that meets a closing connection is lost."""


_TICKS = round(BEAT_SECONDS / 0.1)
"""uvicorn's main loop ticks ten times a second."""


class _Server(uvicorn.Server):
    """Tells systemd that it listens, and that its event loop is not stuck."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._signs = SignsOfLife()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._signs.ready()

    async def on_tick(self, counter: int) -> bool:
        """Give a sign of life now and then."""
        if counter % _TICKS == 0:
            self._signs.alive()
        return await super().on_tick(counter)


def serve_as_set(app: Starlette, settings: Settings) -> None:
    """Serve on the socket or the port that the settings say."""
    api = settings.api
    serve(app, host=api.host, port=API_PORT if api.port is None else api.port, path=settings.api_socket)


def serve(app: Starlette, *, host: str = "127.0.0.1", port: int = API_PORT, path: Path | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C, on a port or a Unix socket. TLS belongs to the proxy in front."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PunctualProtocol,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # the application reads them, from trusted proxies alone
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    with suppress(KeyboardInterrupt), ExitStack() as ending:  # it has ended in order when this is raised
        own = [ending.enter_context(listening(path))] if path is not None else None
        server.run(sockets=own)


def listening(path: Path) -> socket.socket:
    """A Unix socket to which its owner alone can connect; one that a dead server left is replaced.

    Not by uvicorn itself, which lets everybody connect to its sockets.
    """
    path.unlink(missing_ok=True)
    own = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        own.bind(str(path))
    finally:
        os.umask(before)
    return own
