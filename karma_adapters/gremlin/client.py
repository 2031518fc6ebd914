"""Sends traversals to a Gremlin endpoint, each until a deadline.

Up to `Endpoint.connections` requests are under way at once, a session (a transaction) on a connection of its
own. Nothing is sent twice here; `retry` says what may be. Every request tells the server when nobody will
wait for it any longer, so that it stops, too. An interrupt of the caller drops the connection that it waits
for: the server rolls back what was not committed.
"""

from __future__ import annotations

import atexit
import uuid
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import Bytecode

from karma_adapters.gremlin import retry
from karma_adapters.gremlin.connections import Connection, Connections, OpenSocket
from karma_adapters.gremlin.event_loop import EventLoop
from karma_adapters.gremlin.slow_queries import counted
from karma_adapters.gremlin.websocket import Endpoint, open_socket
from karma_core.deadlines import Deadline
from karma_core.errors import StoreError
from karma_core.json_types import GremlinValue

__all__ = ["Endpoint", "GremlinClient", "Submit"]

RESULT_BATCH: Final = 500
"""Results in one message of an answer. Ours: the default of 64 takes 157 messages for 10,000 components."""
TRANSACTION_SECONDS: Final = 600.0
"""How long a session can last (Neptune User Guide, "Gremlin sessions")."""
ENDING_SECONDS: Final = 5.0
"""How long a session's end may take after an error. Ours: where it is not heard, the server sees the
connection go and rolls back."""
_ANSWERING: Final = 0.1
"""The part of a request's time that is left for the server's answer after its evaluation. Ours."""

Submit = Callable[[GraphTraversal], list[GremlinValue]]
_Result = TypeVar("_Result")


_clients: Final[weakref.WeakSet[GremlinClient]] = weakref.WeakSet()
"""Those that are not gone: commands end without closing what they opened."""


@atexit.register
def _close_all() -> None:
    for client in list(_clients):
        client.close()


class GremlinClient:
    """Requests to one endpoint. Threads may share it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        serializer: Callable[[], GraphBinarySerializersV1] = GraphBinarySerializersV1,
        connect: OpenSocket = open_socket,
    ) -> None:
        self.endpoint = endpoint
        self._loop = EventLoop()
        self._connections = Connections(endpoint, connect, serializer)
        self._open = weakref.finalize(self, self._loop.leave, self._connections.close)
        self._open.atexit = False  # then `_close_all` waits for it
        _clients.add(self)

    def submit(
        self, traversal: GraphTraversal, *, until: Deadline | None = None, **options: Any
    ) -> list[GremlinValue]:
        """Run one traversal in a transaction of its own and return its results.

        StoreUnavailable after `until`, or after the endpoint's `request_seconds` if that is earlier.
        """
        ends = self._ends(until)
        args = {"gremlin": traversal.bytecode, "aliases": {"g": "g"}, "batchSize": RESULT_BATCH}
        message = RequestMessage("traversal", "bytecode", {**args, **evaluation(ends), **options})
        with counted():
            return self._run(self._connections.exchange(message), ends)

    @contextmanager
    def transaction(self, until: Deadline | None = None) -> Iterator[Submit]:
        """A session, as a function that runs a traversal in it: committed at the end, rolled back on errors.

        It has a connection of its own. Where that breaks, the server rolls back what was not committed.
        """
        whole = (until or Deadline.after(TRANSACTION_SECONDS)).within(TRANSACTION_SECONDS)
        connection = self._run(self._connections.open(), whole)
        session = {"session": str(uuid.uuid4()), "aliases": {"g": "g"}}

        def send(op: str, ends: Deadline, **args: Any) -> list[GremlinValue]:
            message = RequestMessage("session", op, {**session, **evaluation(ends), **args})
            with counted():
                return self._run(connection.exchange(message), ends)

        try:
            yield lambda traversal: send("bytecode", self._ends(whole), gremlin=traversal.bytecode)
            send("bytecode", whole, gremlin=Bytecode.GraphOp.commit())
        except Exception:
            _said(connection, lambda: send("bytecode", _soon(), gremlin=Bytecode.GraphOp.rollback()))
            raise
        except BaseException:  # an interrupt waits for no server
            connection.broken = True
            raise
        finally:
            _said(connection, lambda: send("close", _soon()))
            self._run(connection.close(), _soon())

    def close(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        if self._open.detach() is None:
            return
        with suppress(StoreError):
            self._run(self._connections.close(), _soon())
        self._loop.close()

    def _ends(self, until: Deadline | None) -> Deadline:
        """The deadline of one request."""
        seconds = self.endpoint.request_seconds
        return until.within(seconds) if until is not None else Deadline.after(seconds)

    def _run(self, call: Awaitable[_Result], until: Deadline) -> _Result:
        seconds = until.left()
        try:
            return self._loop.run(call, until)
        except TimeoutError as error:
            raise retry.late(self.endpoint.url, f"it was waited for {seconds:.1f} s") from error


def evaluation(until: Deadline) -> dict[str, int]:
    """The request's argument that ends its evaluation in the server a little before the deadline."""
    return {"evaluationTimeout": max(1, int(1000 * (1 - _ANSWERING) * until.left()))}


def _soon() -> Deadline:
    return Deadline.after(ENDING_SECONDS)


def _said(connection: Connection, send: Callable[[], object]) -> None:
    """Send it where the connection still works. An error before is the one to tell."""
    if not connection.broken:
        with suppress(StoreError):
            send()
