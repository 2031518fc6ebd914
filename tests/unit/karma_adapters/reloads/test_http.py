"""The reload action `http`, against a real server on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from karma_adapters.reloads.destinations import Destinations
from karma_adapters.reloads.http import REPLY_BYTES, HttpAction, checked_url
from karma_adapters.reloads.order import Order
from karma_core import documents
from karma_core.errors import DeployFailed
from karma_core.reload_actions import Http

METADATA = "169.254.169.254"
LOCAL = ("127.0.0.1", "hooks.test")


class Hooks(ThreadingHTTPServer):
    """Remembers requests; what a path is answered with stands in `answers`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.sent_bytes = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Hooks

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/drip":
            self._drip()
            return
        if self.path == "/flood":
            self._flood()
            return
        status, headers, reply = self.server.answers.get(self.path, (204, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def _drip(self) -> None:
        """One byte of a header at a time, for longer than anybody waits."""
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def _flood(self) -> None:
        """A reply of 64 MB, as far as it is taken."""
        self.send_response(500)
        self.send_header("Content-Length", str(64 << 20))
        self.end_headers()
        try:
            for _ in range(1024):
                self.wfile.write(b"x" * (64 << 10))
                self.server.sent_bytes += 64 << 10
        except OSError:
            self.close_connection = True

    do_POST = do_PUT = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """A running server."""
    with Hooks() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send(
    url: str,
    *,
    allowed: tuple[str, ...] = LOCAL,
    addresses: dict[str, list[str]] | None = None,
    key: str = "api/main#3",
    seconds: float = 5,
    **fields: Any,
) -> str:
    """Carry out an action on a resolver that knows `addresses` and nothing else."""
    known = {"hooks.test": ["127.0.0.1"]} if addresses is None else addresses
    action = HttpAction(Destinations(allowed, lambda host, _port: known[host]))
    order = Order(address="api/main", nickname="main", environment="prod", key=key, seconds=seconds)
    return action(Http(url=url, **fields), order)


def test_the_request_is_what_the_definition_says(hooks: Hooks) -> None:
    """Placeholders in URL, headers and body; the key as a header; escaped in the URL so that it stays one."""
    said = send(
        f"http://hooks.test:{hooks.port}/reload/{{address}}?key={{key}}",
        method="PUT",
        headers={"X-Environment": "{environment}"},
        body={"component": "{nickname}", "other": ["{key}", 1]},
    )
    method, path, headers, body = hooks.requests[0]
    assert said == "PUT hooks.test answered 204"
    assert (method, path) == ("PUT", "/reload/api%2Fmain?key=api%2Fmain%233")
    assert headers["Idempotency-Key"] == "api/main#3"
    assert headers["X-Environment"] == "prod"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"hooks.test:{hooks.port}"
    assert body == b'{"component":"main","other":["api/main#3",1]}'


def test_a_text_body_is_sent_as_it_is(hooks: Hooks) -> None:
    """Without a content type of ours."""
    send(f"http://127.0.0.1:{hooks.port}/", body="reload {nickname}", headers={"Content-Type": "text/plain"})
    _, _, headers, body = hooks.requests[0]
    assert (headers["Content-Type"], body) == ("text/plain", b"reload main")


def test_another_answer_than_2xx_is_a_failure(hooks: Hooks) -> None:
    """The status and the reply's printable text are in the error."""
    hooks.answers["/"] = (503, {}, b"busy\x1b[31m, try later")
    with pytest.raises(DeployFailed) as caught:
        send(f"http://hooks.test:{hooks.port}/")
    error = caught.value
    assert (error.code, error.facts["status"]) == ("reload-failed", 503)
    assert error.why == "it answered 503\nbusy[31m, try later"


def test_a_redirect_to_the_metadata_service_is_not_followed(hooks: Hooks) -> None:
    """No redirect is: one request is sent, and it has failed."""
    hooks.answers["/"] = (302, {"Location": f"http://{METADATA}/latest/meta-data/"}, b"")
    with pytest.raises(DeployFailed, match="failed") as caught:
        send(f"http://hooks.test:{hooks.port}/")
    assert "redirects are not followed" in caught.value.why
    assert len(hooks.requests) == 1


def test_the_whole_answer_has_its_time(hooks: Hooks) -> None:
    """A server that sends a byte now and then does not hold the caller."""
    started = time.monotonic()
    with pytest.raises(DeployFailed) as caught:
        send(f"http://hooks.test:{hooks.port}/drip", seconds=0.4)
    assert caught.value.code == "reload-timeout"
    assert time.monotonic() - started < 2


def test_a_large_reply_is_not_read(hooks: Hooks) -> None:
    """What is beyond the cap stays unread, however much is sent."""
    with pytest.raises(DeployFailed) as caught:
        send(f"http://hooks.test:{hooks.port}/flood")
    assert len(caught.value.why) <= REPLY_BYTES + 100
    assert hooks.sent_bytes < 32 << 20


def test_nobody_there_is_a_failure() -> None:
    """A refused connection and a name without an address are errors of the reload."""
    with pytest.raises(DeployFailed) as caught:
        send("http://127.0.0.1:1/")
    assert caught.value.code == "reload-failed"

    def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("name not known")

    action = HttpAction(Destinations(["gone.test"], nothing))
    order = Order(address="a/b", nickname="b", environment="dev", key="k", seconds=2)
    with pytest.raises(DeployFailed, match="failed") as gone:
        action(Http(url="http://gone.test/"), order)
    assert "name not known" in gone.value.why


@pytest.mark.parametrize(
    "url",
    [
        f"http://{METADATA}/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://hooks.test.evil.test/",
        "https://evil.test/?hooks.test",
    ],
)
def test_a_host_that_is_not_listed_is_not_called(url: str) -> None:
    """The list is of exact names; odd spellings of addresses are names that are not on it."""
    with pytest.raises(DeployFailed) as caught:
        send(url)
    assert caught.value.code == "reload-host"


@pytest.mark.parametrize(
    "address",
    [
        METADATA, "127.0.0.1", "10.0.0.7", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104 - called, not bound
        "255.255.255.255", "::1", "fe80::1", "fd00:ec2::254", f"::ffff:{METADATA}", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1", "fe80::1%eth0", "168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110",
        "192.0.0.8", "192.0.0.9", "192.0.0.192", "::ffff:0:a9fe:a9fe", "::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
        "2606:4700::5efe:a9fe:a9fe", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1", "5f00::1", "3fff::1",
        "192.88.99.1", "100::1", "::", "240.0.0.1", "2002:0a00:0001::1",
    ],
)  # fmt: skip
def test_a_listed_name_that_points_inwards_is_not_called(address: str) -> None:
    """Not even if another of its addresses is public."""
    for addresses in ([address], ["93.184.216.34", address]):
        with pytest.raises(DeployFailed) as caught:
            send("http://rebound.test/", allowed=("rebound.test",), addresses={"rebound.test": addresses})
        assert caught.value.code == "reload-address"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d822"])
def test_public_addresses_pass(address: str) -> None:
    """In whatever spelling; nothing is sent here."""
    assert Destinations(["hooks.test"], lambda _host, _port: [address]).addresses("hooks.test", 80) == [
        address
    ]


@pytest.mark.parametrize(
    ("address", "network"),
    [("168.63.129.16", "168.63.0.0/16"), ("fd00:ec2::254", "fc00::/7"), ("64:ff9b::a83f:8110", "0.0.0.0/0")],
)
def test_a_network_around_a_metadata_service_does_not_list_it(address: str, network: str) -> None:
    """It has to be listed by itself, like a link-local one."""
    with pytest.raises(DeployFailed):
        Destinations(["hooks.test", network], lambda _host, _port: [address]).addresses("hooks.test", 80)


def test_the_address_that_was_judged_is_the_one_that_is_called(hooks: Hooks) -> None:
    """The name is resolved once: a resolver that changes its mind (DNS rebinding) gains nothing."""
    answers = iter([["127.0.0.1"], [METADATA]])
    action = HttpAction(Destinations(LOCAL, lambda _host, _port: next(answers)))
    order = Order(address="a/b", nickname="b", environment="dev", key="k", seconds=5)
    action(Http(url=f"http://hooks.test:{hooks.port}/"), order)
    assert len(hooks.requests) == 1
    assert next(answers) == [METADATA]


def test_inner_addresses_can_be_listed(hooks: Hooks) -> None:
    """One by one, or as a network; link-local ones only one by one."""
    send(f"http://hooks.test:{hooks.port}/", allowed=("HOOKS.test.", "127.0.0.0/8"))
    with pytest.raises(DeployFailed) as caught:
        send(
            "http://meta.test/",
            allowed=("meta.test", "0.0.0.0/0", "169.254.0.0/16"),
            addresses={"meta.test": [METADATA]},
        )
    assert caught.value.code == "reload-address"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.test/", "file:///etc/passwd", "http://", "http:///x", "//hooks.test/", "http://a@hooks.test/",
        "http://a:b@hooks.test/", "http://hooks.test\\@evil.test/", "http://hooks.test/a b",
        "http://hooks.test:99999/", "http://hooks.test:x/", "http://[::1/", "http://h\u00f6oks.test/",
    ],
)  # fmt: skip
def test_an_odd_url_is_refused(url: str) -> None:
    """Nothing that two readers of URLs could take for two hosts."""
    with pytest.raises(DeployFailed) as caught:
        checked_url(url)
    assert caught.value.code == "reload-url"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7f"])
def test_a_value_cannot_end_a_header(value: str, hooks: Hooks) -> None:
    """Neither one of the definition nor one that is filled in."""
    with pytest.raises(documents.Faults):
        documents.read(Http, {"url": "http://hooks.test/", "headers": {"X-Reload": value}})
    with pytest.raises(documents.Faults):
        documents.read(Http, {"url": f"http://hooks.test/{value}"})
    with pytest.raises(DeployFailed) as caught:
        send(f"http://hooks.test:{hooks.port}/", key=value)
    assert caught.value.code == "reload-header"
    assert hooks.requests == []


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Idempotency-Key", "X Y", ""]
)
def test_headers_that_make_the_request_are_ours(name: str) -> None:
    """Setting them could smuggle a second request, or another key."""
    with pytest.raises(documents.Faults):
        documents.read(Http, {"url": "http://hooks.test/", "headers": {name: "x"}})
