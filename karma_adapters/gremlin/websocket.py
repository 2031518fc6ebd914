"""A WebSocket to a Gremlin endpoint, on aiohttp. What it raises is a StoreError already when it opens.

gremlinpython's own transport waits five minutes for a handshake, and for a close for as long as the server
likes.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from aiohttp import ClientWSTimeout, WSMsgType

from karma_adapters.gremlin import retry

MAX_MESSAGE: Final = 64 << 20
"""Largest message taken from the server, bytes. Ours: a batch of the largest staged parts fits."""
HEARTBEAT_SECONDS: Final = 20.0
"""A peer that has sent nothing for so long is asked for a sign of life; half of it later it counts as gone
(aiohttp, `heartbeat`). Ours: shorter than any balancer or NAT keeps an idle connection (AWS: 350 s)."""
CLOSING_SECONDS: Final = 0.5
"""How long the other side has to say that it closes, too. Ours."""
_closing: Final[set[asyncio.Future[None]]] = set()
"""The loop itself keeps no reference to its tasks."""
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
"""How OpenSSL says that the other side speaks something else than TLS."""
_DATA: Final = (WSMsgType.BINARY, WSMsgType.TEXT)

Sign = Callable[[str], Mapping[str, str]]
"""Headers for the handshake of a URL. May block: it is called in a thread."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint, `wss://<cluster>:8182/gremlin`.

    `sign` makes the headers of each handshake anew. `connect_seconds` bounds name, socket, TLS and handshake
    of one connection; `request_seconds` one request with its answer; `connections` is how many requests are
    under way at once, transactions apart.
    """

    url: str
    sign: Sign | None = None
    connect_seconds: float = 5.0
    request_seconds: float = 120.0
    connections: int = 4


class Socket(Protocol):
    """Messages to and from the server. Any exception of a method means that it cannot be used any more."""

    async def send(self, message: bytes) -> None:
        """Send one message."""
        ...

    async def receive(self) -> bytes:
        """The next message."""
        ...

    async def answers(self) -> bool:
        """Whether the server still answers; a round trip."""
        ...

    async def close(self) -> None:
        """Let go of it, at most CLOSING_SECONDS later. Raises nothing."""
        ...


async def open_socket(endpoint: Endpoint) -> Socket:
    """A new socket; StoreUnavailable where that may pass, StoreError where the server refuses it."""
    session = aiohttp.ClientSession()
    try:
        async with asyncio.timeout(endpoint.connect_seconds):
            return WebSocket(session, await _handshake(session, endpoint))
    except TimeoutError as error:
        await finished(session.close())
        raise retry.late(endpoint.url, f"no connection within {endpoint.connect_seconds:g} s") from error
    except aiohttp.WSServerHandshakeError as error:
        await finished(session.close())
        raise retry.refused(endpoint.url, error.status, error.message) from error
    except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
        await finished(session.close())
        distrust = _distrust(error)
        if distrust is not None:
            raise retry.untrusted(endpoint.url, distrust) from error
        raise retry.unreachable(endpoint.url, error) from error
    except BaseException:
        await finished(session.close())
        raise


def _distrust(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS that comes again at every attempt, if it is one."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause: BaseException = error.certificate_error
    else:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    lasting = isinstance(cause, ssl.SSLCertVerificationError) or getattr(cause, "reason", "") in _NO_TLS
    return cause if lasting and isinstance(cause, ssl.SSLError) else None


async def finished(closing: Coroutine[object, object, None]) -> None:
    """Wait until something is closed. It goes on where the waiting is cancelled."""
    task = asyncio.ensure_future(closing)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    await asyncio.shield(task)


async def _handshake(session: aiohttp.ClientSession, endpoint: Endpoint) -> aiohttp.ClientWebSocketResponse:
    headers: Mapping[str, str] = {}
    if endpoint.sign is not None:
        headers = await asyncio.get_running_loop().run_in_executor(None, endpoint.sign, endpoint.url)
    return await session.ws_connect(
        endpoint.url,
        headers=headers,
        max_msg_size=MAX_MESSAGE,
        heartbeat=HEARTBEAT_SECONDS,
        autoping=False,
        timeout=ClientWSTimeout(ws_receive=None, ws_close=CLOSING_SECONDS),
    )


class WebSocket:
    """A Socket over one aiohttp session."""

    def __init__(self, session: aiohttp.ClientSession, stream: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._stream = stream

    async def send(self, message: bytes) -> None:
        """Send one message."""
        await self._stream.send_bytes(message)

    async def receive(self) -> bytes:
        """The next message, whatever comes between."""
        while True:
            message = await self._next()
            if message.type in _DATA:
                return message.data.encode() if isinstance(message.data, str) else bytes(message.data)

    async def answers(self) -> bool:
        """Whether a ping comes back (RFC 6455, 5.5.2 demands it)."""
        token = uuid.uuid4().bytes
        with suppress(aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._stream.ping(token)
                while (message := await self._next()).type not in _DATA:
                    if message.type is WSMsgType.PONG and bytes(message.data) == token:
                        return True
        return False

    async def close(self) -> None:
        """Say goodbye where somebody listens, and let go."""
        await finished(self._close())

    async def _close(self) -> None:
        with suppress(aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._stream.close()
        with suppress(aiohttp.ClientError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._session.close()

    async def _next(self) -> aiohttp.WSMessage:
        message = await self._stream.receive()
        if message.type is WSMsgType.PING:
            await self._stream.pong(message.data)
        elif message.type not in {*_DATA, WSMsgType.PONG}:
            raise ConnectionResetError(
                f"the server closed the connection ({message.data or message.type.name})"
            )
        return message
