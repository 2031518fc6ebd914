"""Connections on which no whole request comes are ended, and others are not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from karma_api.http_protocol import PunctualProtocol
from tests.http_server import HttpServer

WHOLE = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
SECONDS = 0.5


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """A server that waits half a second for headers, and whose answer takes longer than that."""
    monkeypatch.setattr(PunctualProtocol, "header_seconds", SECONDS)

    def slow(_request: Request) -> Response:
        time.sleep(2 * SECONDS)
        return PlainTextResponse("answered")

    server = HttpServer(Starlette(routes=[Route("/", slow)]))
    yield server
    server.close()


def connected(server: HttpServer) -> socket.socket:
    """A connection of one's own."""
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nhost: loc", b"GET / HTTP/1.1\r\nhost: localhost\r\n"]
)
def test_a_half_sent_request_ends(server: HttpServer, sent: bytes) -> None:
    """Also one whose headers come byte by byte: the time counts from the beginning."""
    with connected(server) as connection:
        began = time.monotonic()
        connection.sendall(sent)
        connection.settimeout(0.1)
        while time.monotonic() - began < 10 * SECONDS:
            try:
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                connection.sendall(b"x" if sent else b"")
            except ConnectionError:
                break
        assert time.monotonic() - began < 5 * SECONDS


def test_a_slow_answer_and_the_next_request_are_waited_for(server: HttpServer) -> None:
    """The limit is on headers: an answer may take longer, and a connection is used again."""
    with connected(server) as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            answered = b""
            while b"answered" not in answered:
                part = connection.recv(4096)
                assert part
                answered += part


def test_half_of_a_second_request_ends(server: HttpServer) -> None:
    """After a first one that was whole."""
    with connected(server) as connection:
        connection.sendall(WHOLE)
        answered = b""
        while b"answered" not in answered:
            answered += connection.recv(4096)
        connection.sendall(b"GET / HT")
        began = time.monotonic()
        assert connection.recv(4096) == b""
        assert time.monotonic() - began < 5 * SECONDS
