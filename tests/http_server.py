"""An ASGI application on a real loopback socket, in a thread of the test's process."""

from __future__ import annotations

import socket
import time
from threading import Thread
from typing import Any

import uvicorn

from karma_api.http_protocol import PunctualProtocol


class HttpServer:
    """Serves until `close`. `url` is where."""

    def __init__(self, app: Any) -> None:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_level="critical",
            server_header=False,
            proxy_headers=False,
            http=PunctualProtocol,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def close(self) -> None:
        """Stop, and wait for it."""
        self._server.should_exit = True
        self._thread.join()
