"""A proxy before a Gremlin Server that answers as Neptune does when it is throttled.

Neptune User Guide, "Graph engine error messages and codes": `ThrottlingException`, HTTP status 500, in a JSON
object with `code`, `detailedMessage` and `requestId`; over a WebSocket it stands in the status message of the
answer (TinkerPop, "GraphBinary", response message), and a handshake is refused with it.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

SERVER_ERROR = 500
SAID = b'{"detailedMessage":"Request is throttled","code":"ThrottlingException","requestId":"r"}'


class ThrottlingProxy:
    """Throttles requests whose bytes hold `word`, `left` of them (-1: all); or handshakes. Counts both."""

    def __init__(self, upstream: str) -> None:
        self.word = b""
        self.left = 0
        self.handshakes = False
        self.throttled = 0
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._port = 0

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"ws://127.0.0.1:{self._port}/gremlin"

    def throttle(self, word: bytes = b"", times: int = -1) -> None:
        """From now on, until so many requests were throttled."""
        self.word, self.left = word, times

    def ease(self) -> None:
        """Let everything through."""
        self.left, self.handshakes = 0, False

    @contextmanager
    def running(self) -> Iterator[ThrottlingProxy]:
        """Serve in a thread, as long as the block runs."""
        started = threading.Event()
        thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        thread.start()
        assert started.wait(30)
        yield self
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(30)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/gremlin", self._connection)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return runner

    async def _connection(self, request: web.Request) -> web.StreamResponse:
        if self.handshakes:
            self.throttled += 1
            return web.Response(status=SERVER_ERROR, body=SAID, content_type="application/json")
        here = web.WebSocketResponse(max_msg_size=0)
        await here.prepare(request)
        async with ClientSession() as session, session.ws_connect(self._upstream, max_msg_size=0) as there:
            back = asyncio.ensure_future(_copy(there, here))
            async for message in here:
                if self._hit(message.data):
                    await here.send_bytes(throttled(message.data))
                else:
                    await there.send_bytes(message.data)
            back.cancel()
        return here

    def _hit(self, message: bytes) -> bool:
        if not self.left or self.word not in message:
            return False
        self.left -= 1
        self.throttled += 1
        return True


async def _copy(there: ClientWebSocketResponse, here: web.WebSocketResponse) -> None:
    async for message in there:
        if message.type is WSMsgType.BINARY:
            await here.send_bytes(message.data)


def throttled(request: bytes) -> bytes:
    """The answer to a request, in GraphBinary: its id, status and message, no attributes, no result."""
    start = 1 + request[0] + 1  # the length of the mime type, the mime type, the version
    request_id = request[start : start + 16]
    status = struct.pack(">i", SERVER_ERROR) + b"\x00" + struct.pack(">i", len(SAID)) + SAID
    attributes = meta = struct.pack(">i", 0)
    return b"\x81\x00" + request_id + status + attributes + meta + b"\xfe\x01"
