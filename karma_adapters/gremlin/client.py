"""Sends traversals to a Gremlin endpoint.

A connection that failed in any way but an answer of the server is thrown away, and the next request opens a
new one: gremlinpython's own pool keeps a closed socket for good, and Neptune closes idle ones after 20 to
25 minutes. Nothing is sent twice here; `retry` says what may be.

The driver runs an event loop of its own, which must not happen inside another one: all of it runs in one
thread of the client's.
"""

from __future__ import annotations

import logging
import queue
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp
from gremlin_python.driver.aiohttp.transport import AiohttpTransport
from gremlin_python.driver.protocol import GremlinServerError, GremlinServerWSProtocol
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.resultset import ResultSet
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import Bytecode

from karma_adapters.gremlin import retry
from karma_adapters.gremlin.sigv4 import SignedTransport
from karma_core.errors import KarmaError, StoreError
from karma_core.json_types import GremlinValue

MAX_MESSAGE: Final = 64 << 20
"""Largest message taken from the server, bytes. Ours: a batch of the largest staged parts fits."""
RESULT_BATCH: Final = 500
"""Results in one message of an answer. Ours: the default of 64 takes 157 messages for 10,000 components."""
_PARTIAL: Final = 206  # more follows (TinkerPop, "Graph Driver Provider Requirements")
_BROKEN: Final = (aiohttp.ClientError, OSError, RuntimeError, TypeError, AttributeError)
"""What the driver raises for a socket that is gone: some of it is its own confusion about that."""

Submit = Callable[[GraphTraversal], list[GremlinValue]]
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint, `wss://<cluster>:8182/gremlin`; `iam_region` turns on IAM authentication."""

    url: str
    iam_region: str | None = None
    request_seconds: float = 120.0


class GremlinClient:
    """Requests to one endpoint, one after the other. Threads may share it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        serializer: Callable[[], GraphBinarySerializersV1] = GraphBinarySerializersV1,
        transport: Callable[..., AiohttpTransport] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._serializer = serializer
        self._transport = transport or _transport(endpoint)
        self._connection: _Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gremlin")
        # The driver logs whole requests and answers, and then raises what it logged.
        logging.getLogger("gremlinpython").setLevel(logging.CRITICAL)

    def submit(self, traversal: GraphTraversal, **options: Any) -> list[GremlinValue]:
        """Run one traversal in a transaction of its own and return its results."""
        args = {"gremlin": traversal.bytecode, "aliases": {"g": "g"}, "batchSize": RESULT_BATCH, **options}
        message = RequestMessage("traversal", "bytecode", args)
        return self._run(lambda: self._exchange(message))

    @contextmanager
    def transaction(self) -> Iterator[Submit]:
        """A session, as a function that runs a traversal in it: committed at the end, rolled back on errors.

        It has a connection of its own. Where that breaks, the server rolls back what was not committed.
        """
        connection = self._run(self._connect)
        session = {"session": str(uuid.uuid4()), "aliases": {"g": "g"}}

        def send(op: str, **args: Any) -> list[GremlinValue]:
            return self._run(lambda: connection.exchange(RequestMessage("session", op, session | args)))

        try:
            yield lambda traversal: send("bytecode", gremlin=traversal.bytecode)
            send("bytecode", gremlin=Bytecode.GraphOp.commit())
        except BaseException:
            if not connection.broken:
                with suppress(StoreError):  # the first error is the one to tell
                    send("bytecode", gremlin=Bytecode.GraphOp.rollback())
            raise
        finally:
            if not connection.broken:
                with suppress(StoreError):  # a session that is not closed ends with its connection
                    send("close")
            self._run(connection.close)

    def close(self) -> None:
        """Close the connection. The client cannot be used afterwards."""
        self._run(self._discard)
        self._thread.shutdown()

    def _run(self, call: Callable[[], _Result]) -> _Result:
        return self._thread.submit(call).result()

    def _connect(self) -> _Connection:
        return _Connection(self.endpoint, self._transport, self._serializer())

    def _exchange(self, message: RequestMessage) -> list[GremlinValue]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        try:
            return connection.exchange(message)
        finally:
            if connection.broken:
                self._discard()

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _transport(endpoint: Endpoint) -> Callable[..., AiohttpTransport]:
    region = endpoint.iam_region
    return AiohttpTransport if region is None else lambda **options: SignedTransport(region, **options)


class _Connection:
    """One socket. `broken` once anything but an answer of the server came back."""

    def __init__(
        self,
        endpoint: Endpoint,
        transport: Callable[..., AiohttpTransport],
        serializer: GraphBinarySerializersV1,
    ) -> None:
        self.broken = False
        self._url = endpoint.url
        self._transport = transport(
            read_timeout=endpoint.request_seconds,
            write_timeout=endpoint.request_seconds,
            max_content_length=MAX_MESSAGE,
        )
        self._protocol = GremlinServerWSProtocol(serializer, max_content_length=MAX_MESSAGE)
        try:
            self._transport.connect(self._url)
        except KarmaError:  # there are no credentials to sign with: trying again would not help
            self.close()
            raise
        except Exception as error:  # the driver raises a plain Exception where the server says 403
            self.close()
            raise retry.unreachable(self._url, error) from error
        self._protocol.connection_made(self._transport)

    def exchange(self, message: RequestMessage) -> list[GremlinValue]:
        """Send a request and return all of its results; StoreError, or StoreUnavailable where it may pass."""
        request_id = str(uuid.uuid4())
        answer = ResultSet(queue.Queue(), request_id)
        pending = {request_id: answer}
        try:
            self._protocol.write(request_id, message)
            while self._protocol.data_received(self._transport.read(), pending) == _PARTIAL:
                pass
        except GremlinServerError as error:
            self.broken = not error.status_attributes  # only the driver's own "server disconnected" has none
            raise retry.translated(self._url, error) from error
        except _BROKEN as error:
            self.broken = True
            raise retry.unreachable(self._url, error) from error
        traversers = [traverser for part in answer.stream.queue for traverser in part]
        return [traverser.object for traverser in traversers for _ in range(traverser.bulk)]

    def close(self) -> None:
        """Close the socket, if it still is one."""
        try:
            self._transport.close()
        except _BROKEN:
            self.broken = True
