"""Requests to Prefect's server that found its database busy are made again by the server itself.

On SQLite Prefect answers 503 whenever another transaction is in the way. Its own clients make such a request
again, after 2, 4, 8, … seconds. Here it is made again at once, so that a run does not add up such waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each further attempt. Ours: another transaction of Prefect's takes milliseconds."""
DEADLINE_SECONDS: Final = 20.0
"""So long after the request the last attempt is made, at once. Ours: a third of how long clients wait."""
MAX_BODY: Final = 1 << 20
"""Bytes of a body that is kept for another attempt; a request with a longer one is made once."""
RETRY_AFTER: Final = (b"retry-after", b"1")
"""What a client is told that is refused all the same, in seconds."""


class RetriesBusyDatabase:
    """An application around Prefect's that answers 503 only where every attempt found the database busy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, again where that is needed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _Body.read(receive)
        deadline = time.monotonic() + DEADLINE_SECONDS
        for pause in PAUSES if body.whole else ():
            answer = _Answer(send, keeps_busy=True)
            try:
                await self._app({**scope}, body.again(), answer)
            except Exception:
                if not answer.was_busy:  # what was answered with 503 is raised, too, for a server's log
                    raise
            if not answer.was_busy:
                return
            if time.monotonic() + pause > deadline:
                break
            await anyio.sleep(pause)
        await self._app(scope, body.again(), _Answer(send, keeps_busy=False))


class _Body:
    """The messages of a request's body, to be read more than once where they are `whole`."""

    def __init__(self, receive: Receive, messages: list[Message], *, whole: bool) -> None:
        self._receive = receive
        self._messages = messages
        self.whole = whole

    @classmethod
    async def read(cls, receive: Receive) -> _Body:
        """Take what has come, up to MAX_BODY bytes."""
        messages: list[Message] = []
        length = 0
        while length <= MAX_BODY:
            message = await receive()
            messages.append(message)
            length += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body", False):
                return cls(receive, messages, whole=length <= MAX_BODY)
        return cls(receive, messages, whole=False)

    def again(self) -> Receive:
        """The body from its beginning, and then what the server says."""
        kept: Iterator[Message] = iter(self._messages)

        async def receive() -> Message:
            message = next(kept, None)
            return {**message} if message is not None else await self._receive()

        return receive


class _Answer:
    """Sends an answer; with `keeps_busy` one that says 503 is kept back, and `was_busy` is set."""

    def __init__(self, send: Send, *, keeps_busy: bool) -> None:
        self._send = send
        self._keeps_busy = keeps_busy
        self.was_busy = False

    async def __call__(self, message: Message) -> None:
        """Take one message of the application."""
        is_busy = message.get("status") == HTTPStatus.SERVICE_UNAVAILABLE
        if is_busy and self._keeps_busy:
            self.was_busy = True
        elif is_busy:
            message = {**message, "headers": [*message.get("headers", ()), RETRY_AFTER]}
        if not self.was_busy:
            await self._send(message)
