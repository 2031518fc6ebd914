"""A Gremlin endpoint that fails on the wire, in each way that networks and servers have, and then is well.

The WebSocket is spoken by hand: a server library would finish frames, answer pings and close politely.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

Fault = Callable[["Peer"], Awaitable[None]]
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Peer:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def asked(self) -> bytes:
        """The handshake's request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, data: bytes, *, pause: float = 0.0) -> None:
        """Send bytes; with a pause, one by one."""
        for piece in [data[i : i + 1] for i in range(len(data))] if pause else [data]:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def shake(self, *, pause: float = 0.0) -> None:
        """Accept the WebSocket."""
        lines = (await self.asked()).split(b"\r\n")
        key = next(line[19:] for line in lines if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key.strip() + MAGIC, usedforsecurity=False).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await self.say(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n", pause=pause)

    async def status(self, status: str) -> None:
        """Answer the handshake with an HTTP status."""
        await self.asked()
        await self.say(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    async def frame(self) -> tuple[int, bytes]:
        """The next whole frame, unmasked: (opcode, payload)."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))

    async def request(self) -> bytes:
        """The id of the next Gremlin request."""
        return request_id(await self.payload())

    async def payload(self) -> bytes:
        """The next Gremlin request; pings before it are answered."""
        while True:
            opcode, payload = await self.frame()
            if opcode == PING:
                await self.say(framed(payload, PONG))
            elif opcode == BINARY:
                return payload
            elif opcode == CLOSE:
                raise ConnectionError("the client has closed")


def request_id(payload: bytes) -> bytes:
    """The id of a request, 16 bytes after its media type and the version."""
    return payload[payload[0] + 2 : payload[0] + 18]


def framed(payload: bytes, opcode: int = BINARY) -> bytes:
    """One frame of a server."""
    length = len(payload)
    head = bytes([0x80 | opcode])
    return head + (bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length)) + payload


def answered(request: bytes, code: int = 200, message: str = "") -> bytes:
    """A Gremlin response of GraphBinary 1.0: no results, or an error."""
    said = message.encode()
    status = struct.pack(">i", code) + b"\x00" + struct.pack(">i", len(said)) + said
    return framed(
        b"\x81\x00" + request + status + struct.pack(">ii", 0, 0) + b"\x09\x00" + struct.pack(">i", 0)
    )


async def endless(peer: Peer) -> None:
    """Say nothing more, until the client goes."""
    while await peer.reader.read(65536):
        pass


async def well(peer: Peer) -> None:
    """Answer each request with no results."""
    await peer.shake()
    while True:
        await peer.say(answered(await peer.request()))


async def half_open(peer: Peer) -> None:
    """The other side has gone without a word: the connection stands, and nothing comes back."""
    await peer.shake()
    await endless(peer)


async def slow_handshake(peer: Peer) -> None:
    """The handshake comes byte by byte."""
    await peer.shake(pause=0.2)


async def slow_answer(peer: Peer) -> None:
    """The answer comes byte by byte."""
    await peer.shake()
    await peer.say(answered(await peer.request(), 500, "x" * 100), pause=0.2)


async def drips(peer: Peer) -> None:
    """Answers come in time, each of them saying that more follows."""
    await peer.shake()
    request = await peer.request()
    while True:
        await peer.say(answered(request, 206))
        await asyncio.sleep(0.02)


async def closes_in_handshake(peer: Peer) -> None:
    """The connection ends before the handshake is answered."""
    await peer.asked()


async def closes_at_request(peer: Peer) -> None:
    """The connection ends instead of an answer."""
    await peer.shake()
    await peer.request()


async def says_goodbye(peer: Peer) -> None:
    """The server closes, as WebSockets do, instead of an answer."""
    await peer.shake()
    await peer.request()
    await peer.say(framed(struct.pack(">H", 1001), CLOSE))


async def garbage(peer: Peer) -> None:
    """A message that is no Gremlin."""
    await peer.shake()
    await peer.request()
    await peer.say(framed(b"\xff\x00 no gremlin"))


async def wrong_frame(peer: Peer) -> None:
    """Bytes that are no frame."""
    await peer.shake()
    await peer.request()
    await peer.say(b"\xf7\xff\xff\xff\xff\xff")


async def of_another(peer: Peer) -> None:
    """The answer to a request that nobody sent."""
    await peer.shake()
    await peer.request()
    await peer.say(answered(b"\x07" * 16))
    await endless(peer)


def answering(slow: str) -> Fault:
    """Each request is answered with no results, but those that hold this word wait for ever."""

    async def fault(peer: Peer) -> None:
        await peer.shake()
        while True:
            payload = await peer.payload()
            if slow.encode() in payload:
                await endless(peer)
            await peer.say(answered(request_id(payload)))

    return fault


def http(status: str) -> Fault:
    """The handshake is answered with an HTTP status."""
    return lambda peer: peer.status(status)


def gremlin(code: int, message: str) -> Fault:
    """Each request is answered with an error."""

    async def fault(peer: Peer) -> None:
        await peer.shake()
        while True:
            await peer.say(answered(await peer.request(), code, message))

    return fault


class FaultyGremlin:
    """The server, in a thread. `fault` may be changed at any time: it holds for new connections.

    `tls`: what it shows to prove who it is; without it, it speaks no TLS.
    """

    def __init__(self, fault: Fault, tls: ssl.SSLContext | None = None) -> None:
        self.fault = fault
        self.connected = 0
        self.open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        started = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result(10)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/gremlin"

    def drop(self) -> None:
        """Close all connections, as a balancer or Neptune does with idle ones."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(10)

    def wait_until_left(self, seconds: float = 5.0) -> bool:
        """Whether every client has closed its connections by then."""
        ends = time.monotonic() + seconds
        while self.open and time.monotonic() < ends:
            time.sleep(0.01)
        return not self.open

    def close(self) -> None:
        """End it."""
        self.drop()
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _drop(self) -> None:
        tasks = list(self.open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.fault(Peer(reader, writer)))
        self.connected += 1
        self.open.add(task)
        with suppress(OSError, EOFError, ConnectionError, asyncio.CancelledError):
            await task
        self.open.discard(task)
        writer.close()


@contextmanager
def unanswered_connections() -> Iterator[str]:
    """The URL of a port that drops every SYN: its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(full.getsockname())
            waiting.append(one)
        try:
            yield f"ws://127.0.0.1:{full.getsockname()[1]}/gremlin"
        finally:
            for one in waiting:
                one.close()
