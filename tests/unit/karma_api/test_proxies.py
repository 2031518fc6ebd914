"""Whose address a caller has: its own, unless a trusted proxy tells another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from karma_adapters.wiring.reading import settings_of
from karma_api import server
from karma_api.app import make_app
from karma_api.http_protocol import PunctualProtocol
from karma_api.limits import Limits
from karma_api.proxies import TrustedProxies
from karma_core.errors import SettingsError
from karma_service import parts
from tests.served_system import ServedSystem

TRUSTED = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


def seen(client: str, trusted: Sequence[str], *headers: tuple[str, str]) -> tuple[str, str]:
    """(client, scheme) that the application sees."""
    scopes: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        scopes.append(scope)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "client": (client, 5), "scheme": "http", "headers": raw}
    asyncio.run(TrustedProxies(app, trusted)(scope, None, None))  # type: ignore[arg-type]
    return scopes[0]["client"][0], scopes[0]["scheme"]


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.9", "198.51.100.7", "198.51.100.9"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("127.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("fd00::1", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxys_counts(
    client: str, forwarded: str, expected: str
) -> None:
    """The list is read from its end; whoever is not trusted can write what it likes before."""
    assert seen(client, TRUSTED, ("x-forwarded-for", forwarded))[0] == expected


def test_without_trusted_proxies_the_headers_say_nothing() -> None:
    """Not even from loopback: any process of this machine can send them."""
    told = (("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https"))
    assert seen("127.0.0.1", (), *told) == ("127.0.0.1", "http")
    assert seen("127.0.0.1", TRUSTED, *told) == ("198.51.100.7", "https")
    assert seen("127.0.0.1", TRUSTED, ("x-forwarded-proto", "gopher"))[1] == "http"


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "::/0", "proxy.example.org", "10.0.0.1/8"])
def test_a_proxy_that_cannot_be_trusted_is_refused(tmp_path: Path, entry: str) -> None:
    """A name, a network with host bits, or everybody."""
    with pytest.raises(SettingsError):
        settings_of(tmp_path, {"api": {"trusted_proxies": [entry]}})


def test_the_server_itself_believes_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uvicorn trusts loopback unless it is told not to."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(server.uvicorn.Server, "run", lambda self, **_: given.update(vars(self.config)))
    server.serve(None)  # type: ignore[arg-type]
    assert given["proxy_headers"] is False
    assert given["http"] is PunctualProtocol
    assert '"--no-proxy-headers"' in Path(parts.__file__).read_text("utf-8")


@pytest.fixture
def served() -> Iterator[ServedSystem]:
    """A system whose failed sign-ins are limited."""
    limits = Limits(requests_per_second=1e6, burst=1e6, failures_per_second=0.001, failures_burst=3)
    made = ServedSystem(limits=limits)
    yield made
    made.close()


def test_a_caller_cannot_shake_off_its_limit(served: ServedSystem) -> None:
    """Guesses from one address stay those of one address, whatever header comes along."""
    app = make_app(served.services)
    statuses = []

    async def guess() -> None:
        transport = httpx.ASGITransport(app=app, client=("198.51.100.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            for number in range(6):
                headers = {"authorization": "Bearer x", "x-forwarded-for": f"192.0.2.{number}"}
                statuses.append((await http.get("/graph", headers=headers)).status_code)

    asyncio.run(guess())
    assert statuses == [401, 401, 401, 429, 429, 429]
    assert {e.inputs["client"] for e in served.log.events(action="access")} == {"198.51.100.9"}
