"""The guard around a server: which requests of browsers and programs reach the application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from karma_adapters.web.guard import Guard
from karma_adapters.web.same_origin import OwnNames

OWN = OwnNames(["karma.corp"], ["https://karma.example.org", ""])
HOST = "127.0.0.1:8321"


def reached(method: str = "POST", *, host: str | None = HOST, **headers: str) -> bool:
    """Whether a request passes."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    pairs += [(b"host", host.encode())] if host is not None else []
    return OWN.refusal(method, pairs) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        HOST,
        "localhost:1",
        "LOCALHOST",
        "[::1]:8321",
        "10.0.0.7",
        "karma.corp:80",
        "karma.example.org",
    ],
)
def test_the_server_s_names_and_addresses_count(host: str) -> None:
    """An address cannot be looked up, so no DNS of an attacker's leads to it."""
    assert reached(host=host)
    assert reached("GET", host=host)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.test", "evil.test:8321", "127.0.0.1.evil.test", "localhost.evil.test",
     "127.0.0.1@evil.test:8321", "karma.corp.evil.test", "xn--e1afmkfd.test", "[::1",
     "a, 127.0.0.1", "evil.test#127.0.0.1"],
)  # fmt: skip
def test_any_other_name_is_refused(host: str | None) -> None:
    """Reads and writes alike: a page under that name could read the answer."""
    assert not reached(host=host)
    assert not reached("GET", host=host)


def test_several_hosts_are_none() -> None:
    """Which of them counts would depend on who reads it."""
    assert OWN.refusal("GET", [(b"host", b"localhost"), (b"host", b"localhost")]) is not None


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8321", "HTTP://127.0.0.1:8321", "https://karma.example.org"]
)
def test_its_own_pages_pass(origin: str) -> None:
    """By their origin; where the proxy in front has another, by its name in the settings."""
    assert reached(origin=origin)
    assert reached(origin=origin, sec_fetch_site="same-origin")


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.test", "http://127.0.0.1", "http://127.0.0.1:9999", "http://localhost:8321",
     "https://karma.example.org.evil.test", "https://karma.example.org:444", "127.0.0.1:8321"],
)  # fmt: skip
def test_another_origin_is_refused(origin: str) -> None:
    """Also one on this machine, on another port or under another name."""
    assert not reached(origin=origin)
    assert not reached("GET", origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_another_site_is_refused_where_no_origin_is_said(site: str) -> None:
    """As of pictures, scripts and frames; a link that is followed to a page is not."""
    assert not reached(sec_fetch_site=site)
    assert not reached("GET", sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="script")
    assert not reached("GET", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe")
    assert not reached("POST", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert reached("GET", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document")


def test_programs_and_people_pass() -> None:
    """They send no header of a page, or say that nobody sent them."""
    assert reached()
    assert reached("GET", sec_fetch_site="none", sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert reached(sec_fetch_site="none")


def served(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """What a client is sent by an application that is guarded and takes JSON alone."""
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "reached"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(application, OWN, lambda error: (400, [], error.code.encode()), json_only=True)
    asyncio.run(guard(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"2"), (b"content-type", b"text/plain")],
        [(b"content-length", b"2")],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-length", b"2"), (b"content-type", b"application/json"), (b"content-type", b"text/plain")],
        [(b"content-length", b"2"), (b"content-type", b"text/plain; application/json")],
    ],
)
def test_a_body_that_is_not_declared_as_json_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    """No page of another site can declare it without asking the server first."""
    sent = served({"type": "http", "method": "POST", "headers": [(b"host", b"localhost"), *headers]})
    assert sent[1]["body"] == b"media-type"


def test_what_is_declared_or_empty_passes_and_sockets_are_guarded() -> None:
    """A socket of another origin is closed before it is opened; starting and ending are nobody's request."""
    host = (b"host", b"localhost")
    declared = [host, (b"content-length", b"2"), (b"content-type", b"application/json; charset=utf-8")]
    for headers in (declared, [host], [host, (b"content-length", b"0")]):
        assert served({"type": "http", "method": "POST", "headers": headers}) == [{"type": "reached"}]
    assert served({"type": "lifespan"}) == [{"type": "reached"}]
    foreign = {"type": "websocket", "headers": [host, (b"origin", b"http://evil.test")]}
    assert [message["type"] for message in served(foreign)] == ["websocket.close"]
    assert served({"type": "websocket", "headers": [host]}) == [{"type": "reached"}]
