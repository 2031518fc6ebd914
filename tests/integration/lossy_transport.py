"""A socket that breaks at chosen requests, before they are sent or after they were answered."""

from __future__ import annotations

from karma_adapters.gremlin.websocket import Endpoint, Socket, open_socket


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

    async def connect(self, endpoint: Endpoint) -> Socket:
        """A socket that loses what is planned."""
        return LossySocket(self, await open_socket(endpoint))


class LossySocket:
    """Karma's own socket, with losses."""

    def __init__(self, losses: Losses, socket: Socket) -> None:
        self._losses = losses
        self._socket = socket
        self.receive = socket.receive
        self.answers = socket.answers
        self.close = socket.close

    async def send(self, message: bytes) -> None:
        """Send, or lose."""
        losses = self._losses
        if not losses.left or losses.word not in message:
            await self._socket.send(message)
            return
        losses.left -= 1
        losses.lost += 1
        if losses.after_answer:
            await self._socket.send(message)
            await self._socket.receive()
        await self._socket.close()
        raise ConnectionResetError("the network went away")
