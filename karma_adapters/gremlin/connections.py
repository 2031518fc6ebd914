"""Connections to one Gremlin endpoint: a few that requests share, so that a slow one holds up no others.

A connection that failed in any way but an answer of the server is thrown away, and the next request opens a
new one. One that was idle is asked whether it still lives: a balancer, a NAT gateway or a frozen container
loses connections without a word, and Neptune closes idle ones after 20 to 25 minutes. Everything here runs
in one event loop.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1

from karma_adapters.gremlin import retry
from karma_adapters.gremlin.websocket import Endpoint, Socket
from karma_core.json_types import GremlinValue

RESTED_SECONDS: Final = 5.0
"""After so long without a request a connection is asked whether it lives. Ours: a round trip is cheap."""
IDLE_SECONDS: Final = 300.0
"""After so long it is not used again. AWS's NAT gateways and balancers forget an idle connection after 350 s
(Amazon VPC User Guide, "NAT gateway troubleshooting")."""
_PARTIAL: Final = 206  # more follows (TinkerPop, "Graph Driver Provider Requirements")
_DONE: Final = frozenset({200, 204})

OpenSocket = Callable[[Endpoint], Awaitable[Socket]]
Serializer = Callable[[], GraphBinarySerializersV1]


class Connection:
    """One socket. `broken` once anything but an answer of the server came back."""

    def __init__(self, url: str, socket: Socket, serializer: GraphBinarySerializersV1) -> None:
        self.broken = False
        self._url = url
        self._socket = socket
        self._serializer = serializer
        self._used_at = time.time()  # wall clock: a frozen container's monotonic one may stand still

    async def exchange(self, message: RequestMessage) -> list[GremlinValue]:
        """Send a request and return all of its results; StoreError, or StoreUnavailable where it may pass."""
        self.broken = True  # until the answer is whole, also where this is cancelled
        try:
            results = await self._answer(message)
        except GremlinServerError as error:
            self.broken = False
            raise retry.translated(self._url, error) from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise retry.unreachable(self._url, error) from error
        self.broken = False
        self._used_at = time.time()
        return results

    async def usable(self) -> bool:
        """Whether a request may be sent over it."""
        rested = time.time() - self._used_at
        return rested < RESTED_SECONDS or (rested < IDLE_SECONDS and await self._socket.answers())

    async def close(self) -> None:
        """Let go of the socket."""
        self.broken = True
        await self._socket.close()

    async def _answer(self, message: RequestMessage) -> list[GremlinValue]:
        request_id = str(uuid.uuid4())
        await self._socket.send(self._serializer.serialize_message(request_id, message))
        traversers: list[GremlinValue] = []
        while True:
            answer = self._read(await self._socket.receive(), request_id)
            status = answer["status"]
            if status["code"] not in {_PARTIAL, *_DONE}:
                raise GremlinServerError(status)
            traversers.extend(answer["result"]["data"] or ())
            if status["code"] in _DONE:
                return [each.object for each in traversers for _ in range(each.bulk)]

    def _read(self, message: bytes, request_id: str) -> GremlinValue:
        """One message of the answer; ConnectionError where it is none, or that of another request."""
        try:
            answer: GremlinValue = self._serializer.deserialize_message(message)
        except Exception as error:  # the driver's readers fail in any way on what is not GraphBinary
            raise ConnectionError(f"the server sent what is no Gremlin answer ({error!r})") from error
        if str(answer["requestId"]) != request_id:
            raise ConnectionError("the server answered another request")
        return answer


class Connections:
    """At most `endpoint.connections` that requests share, opened when they are needed."""

    def __init__(self, endpoint: Endpoint, open_socket: OpenSocket, serializer: Serializer) -> None:
        self._endpoint = endpoint
        self._open_socket = open_socket
        self._serializer = serializer
        self._free = asyncio.Semaphore(endpoint.connections)
        self._idle: list[Connection] = []
        """The one used last is at the end, and is used first."""

    async def exchange(self, message: RequestMessage) -> list[GremlinValue]:
        """One request over a connection that nobody else uses; waits while all are in use."""
        async with self._free:
            connection = await self._usable()
            try:
                return await connection.exchange(message)
            finally:
                if connection.broken:
                    await connection.close()
                else:
                    self._idle.append(connection)

    async def open(self) -> Connection:
        """A new connection that the caller closes."""
        socket = await self._open_socket(self._endpoint)
        return Connection(self._endpoint.url, socket, self._serializer())

    async def close(self) -> None:
        """Close those that are idle."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    async def _usable(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            try:
                usable = await connection.usable()
            except BaseException:
                await connection.close()
                raise
            if usable:
                return connection
            await connection.close()
            await self.close()  # the others have rested for longer
        return await self.open()
