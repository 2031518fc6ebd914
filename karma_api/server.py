"""The API as a process: uvicorn on loopback."""

from __future__ import annotations

import uvicorn
from starlette.applications import Starlette

from karma_api.app import create_app
from karma_api.http_protocol import PunctualProtocol

__all__ = ["create_app", "serve"]

STOP_SECONDS = 5
"""How long open requests may go on after SIGTERM; event streams are cut then, and clients come back."""

KEEP_ALIVE_SECONDS = 75
"""How long a silent connection is kept. More than the 60 s of nginx and AWS load balancers, so that these
close first: a request that meets a closing connection is lost."""


def serve(app: Starlette, *, host: str = "127.0.0.1", port: int = 8321) -> None:
    """Serve until SIGTERM or Ctrl-C. TLS belongs to the proxy in front."""
    uvicorn.run(
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
