"""A transport whose socket breaks at chosen requests, before they are sent or after they were answered."""

from __future__ import annotations

from typing import Any

from gremlin_python.driver.aiohttp.transport import AiohttpTransport


class Losses:
    """What is to be lost: the next requests whose bytes hold `word`, and how often."""

    def __init__(self) -> None:
        self.word = b""
        self.left = 0
        self.lost = 0
        self.after_answer = True

    def plan(self, word: bytes, times: int, *, after_answer: bool) -> None:
        """Lose that many requests; with after_answer the server has done what they say."""
        self.word, self.left, self.after_answer = word, times, after_answer

    def transport(self, **options: Any) -> LossyTransport:
        """A transport that loses what is planned."""
        return LossyTransport(self, **options)


class LossyTransport(AiohttpTransport):  # type: ignore[misc]  # the driver ships no types
    """gremlinpython's transport, with losses."""

    def __init__(self, losses: Losses, **options: Any) -> None:
        super().__init__(**options)
        self._losses = losses

    def write(self, message: bytes) -> None:
        """Send, or lose."""
        losses = self._losses
        if not losses.left or losses.word not in message:
            super().write(message)
            return
        losses.left -= 1
        losses.lost += 1
        if losses.after_answer:
            super().write(message)
            super().read()
        self.close()
        raise ConnectionResetError("the network went away")
