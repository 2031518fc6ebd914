"""The Gremlin store on a network that fails: everything ends by its deadline, in words, and goes on after."""

from __future__ import annotations

import gc
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gremlin_python.process.graph_traversal import GraphTraversal

from karma_adapters.gremlin import connections, queries
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.deadlines import Deadline, ends_within
from karma_core.errors import KarmaError, StoreError, StoreUnavailable
from karma_core.graph.delta import diff
from tests import faulty_gremlin as wire
from tests.faulty_gremlin import Fault, FaultyGremlin
from tests.graphs import graph, lease, next_build, publish

ROOT = Path(__file__).parents[2]
WHOLE = 0.3
"""Seconds that a call may take here, in place of a minute."""
ALLOWED = 2.0
"""Seconds after its deadline by which a call has ended."""
FAULTS: dict[str, Fault] = {
    "silent": wire.endless,
    "half open": wire.half_open,
    "slow handshake": wire.slow_handshake,
    "slow answer": wire.slow_answer,
    "an answer without end": wire.drips,
    "closed in the handshake": wire.closes_in_handshake,
    "closed at a request": wire.closes_at_request,
    "goodbye": wire.says_goodbye,
    "no gremlin": wire.garbage,
    "wrong frame": wire.wrong_frame,
    "answer to another": wire.of_another,
    "HTTP 429": wire.http("429 Too Many Requests"),
    "HTTP 500": wire.http("500 Internal Server Error"),
    "HTTP 503": wire.http("503 Service Unavailable"),
    "throttled": wire.gremlin(500, '{"code":"ThrottlingException"}'),
    "gremlin 429": wire.gremlin(429, "Too many requests"),
    "out of memory": wire.gremlin(500, '{"code":"MemoryLimitExceededException"}'),
}


@pytest.fixture
def server() -> Iterator[FaultyGremlin]:
    """An endpoint that is well until a test says otherwise."""
    made = FaultyGremlin(wire.well)
    yield made
    made.close()


Opened = Callable[..., GremlinGraphStore]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens stores with little patience, and closes them."""
    stores: list[GremlinGraphStore] = []

    def opener(url: str, **options: float) -> GremlinGraphStore:
        endpoint = Endpoint(url=url, connect_seconds=0.15, **options)  # type: ignore[arg-type]
        stores.append(GremlinGraphStore(GremlinClient(endpoint), patience=Patience(whole=WHOLE)))
        return stores[-1]

    yield opener
    for store in stores:
        store.close()


def in_time(call: Callable[[], object], seconds: float = WHOLE) -> KarmaError:
    """The error that a call ends in, by its deadline."""
    began = time.monotonic()
    with pytest.raises(KarmaError) as raised:
        call()
    assert time.monotonic() - began < seconds + ALLOWED
    return raised.value


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_ends_in_words_and_time(name: str, server: FaultyGremlin, opened: Opened) -> None:
    """A read and a publish end by their deadline with the error that may be tried again; then both work.

    No connection is left behind that nobody uses.
    """
    server.fault = FAULTS[name]
    store = opened(server.url)
    target = graph(nodes=["vpc/a"])
    build = next_build(None, target)
    for call in (lambda: store.current("prod"), lambda: store.commit(build, diff(None, target), lease())):
        error = in_time(call)
        assert (type(error), error.code) == (StoreUnavailable, "store-unavailable")
        assert server.url in error.what
        assert error.why
        assert error.next_step
    server.fault = wire.well
    if name in {"throttled", "gremlin 429", "out of memory"}:
        server.drop()  # the connection is well and stays in use, with its fault
    assert recovered(store)
    store.close()
    assert server.wait_until_left()


def recovered(store: GremlinGraphStore) -> bool:
    """Whether it answers again soon: on a busy machine a new connection may take longer than one call."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with suppress(StoreUnavailable):
            return store.current("prod") is None
    return False


def test_a_port_that_drops_every_syn(opened: Opened) -> None:
    """A security group or a full queue: nothing comes back at all."""
    with wire.unanswered_connections() as url:
        error = in_time(lambda: opened(url).current("prod"))
    assert type(error) is StoreUnavailable
    assert "no connection within 0.15 s" in error.why


def test_a_name_that_is_not_resolved_in_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that hangs holds nobody: it is asked in a thread that no exit waits for."""
    threads: list[threading.Thread] = []

    def hang(*_: object, **__: object) -> list[object]:
        threads.append(threading.current_thread())
        time.sleep(1)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)
    assert "no connection" in in_time(lambda: opened("ws://graph.example:8182/gremlin").current("prod")).why
    assert threads
    assert all(thread.daemon for thread in threads)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "graph-access-denied"),
        ("401 Unauthorized", "graph-access-denied"),
        ("404 Not Found", "store"),
    ],
)
def test_a_refused_handshake_is_not_tried_again(
    server: FaultyGremlin, opened: Opened, status: str, code: str
) -> None:
    """Credentials that are refused now are refused in a minute; the error says what to grant."""
    server.fault = wire.http(status)
    error = in_time(lambda: opened(server.url).current("prod"), seconds=0)
    assert (type(error), error.code) == (StoreError, code)
    assert server.connected == 1


def test_a_certificate_that_nobody_trusts_is_not_tried_again(opened: Opened, tmp_path: Path) -> None:
    """It is refused at once and once, with what to do: the same certificate comes in a minute, too."""
    server = FaultyGremlin(wire.well, tls=self_signed(tmp_path))
    error = in_time(lambda: opened(server.url.replace("ws:", "wss:")).current("prod"), seconds=0)
    server.close()
    assert (type(error), error.code) == (StoreError, "graph-untrusted")
    assert "CERTIFICATE_VERIFY_FAILED" in error.why
    assert "SSL_CERT_FILE" in error.next_step


def test_a_port_without_tls_is_not_tried_again(server: FaultyGremlin, opened: Opened) -> None:
    """`wss://` before a port that speaks plainly: no retry makes it speak TLS."""
    server.fault = says_plainly
    error = in_time(lambda: opened(server.url.replace("ws:", "wss:")).current("prod"), seconds=0)
    assert (type(error), error.code, server.connected) == (StoreError, "graph-untrusted", 1)


async def says_plainly(peer: wire.Peer) -> None:
    """An HTTP server's answer to a TLS greeting."""
    await peer.reader.read(64)
    await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def self_signed(folder: Path) -> ssl.SSLContext:
    """What a server shows that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "server.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


def test_a_connection_that_was_closed_while_idle_is_replaced(server: FaultyGremlin, opened: Opened) -> None:
    """Neptune closes idle connections after 20 minutes: the next request does not notice."""
    store = opened(server.url)
    assert store.current("prod") is None
    server.drop()
    assert store.current("prod") is None
    assert server.connected == 2


def test_a_connection_that_died_while_idle_is_replaced(
    server: FaultyGremlin, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NAT forgets without a word: what was idle is asked for a sign of life before a request is sent."""

    async def once(peer: wire.Peer) -> None:
        await peer.shake()
        await peer.say(wire.answered(await peer.request()))
        await wire.endless(peer)

    monkeypatch.setattr(connections, "RESTED_SECONDS", 0.0)
    server.fault = once
    client = GremlinClient(Endpoint(url=server.url))
    ask = queries.read_lock("prod")
    assert client.submit(ask) == []
    server.fault = wire.well
    assert client.submit(ask, until=Deadline.after(WHOLE + ALLOWED)) == []
    assert client.submit(ask) == []
    assert server.connected == 2
    client.close()


def test_a_slow_query_holds_up_no_other(server: FaultyGremlin) -> None:
    """Four requests are under way at once; a fifth waits, and no longer than its deadline."""
    client = GremlinClient(Endpoint(url=server.url, request_seconds=5))
    ask = queries.read_lock("prod")
    server.fault = wire.half_open
    slow = [threading.Thread(target=_quietly, args=(client, ask, 1.5)) for _ in range(3)]
    for thread in slow:
        thread.start()
    while server.connected < 3:
        time.sleep(0.01)
    server.fault = wire.well
    began = time.monotonic()
    for _ in range(20):
        assert client.submit(ask) == []
    assert time.monotonic() - began < 1
    server.fault = wire.half_open
    server.drop()
    for thread in slow:
        thread.join()
    slow = [threading.Thread(target=_quietly, args=(client, ask, 1.0)) for _ in range(4)]
    for thread in slow:
        thread.start()
    time.sleep(0.2)
    error = in_time(lambda: client.submit(ask, until=Deadline.after(0.2)), seconds=0.2)
    assert "waited for 0.2 s" in error.why
    for thread in slow:
        thread.join()
    client.close()


def _quietly(client: GremlinClient, ask: GraphTraversal, seconds: float) -> None:
    with pytest.raises(StoreUnavailable):
        client.submit(ask, until=Deadline.after(seconds))


def test_the_caller_s_end_is_handed_down(server: FaultyGremlin) -> None:
    """A function or a probe says once how long it has; a store with a minute's patience keeps to it."""
    server.fault = wire.endless
    store = GremlinGraphStore(GremlinClient(Endpoint(url=server.url)))
    with ends_within(0.3):
        in_time(lambda: store.load("prod"), seconds=0.3)
    store.close()


def test_the_server_is_told_when_nobody_waits_any_longer(server: FaultyGremlin) -> None:
    """Each request carries a time-out of its evaluation that is below the time that is waited."""
    sent: list[dict[str, object]] = []

    class Seen(connections.GraphBinarySerializersV1):  # type: ignore[misc]  # the driver ships no types
        def serialize_message(self, request_id: str, message: connections.RequestMessage) -> bytes:
            sent.append(message.args)
            made: bytes = super().serialize_message(request_id, message)
            return made

    client = GremlinClient(Endpoint(url=server.url), serializer=Seen)
    client.submit(queries.read_lock("prod"), until=Deadline.after(10))
    with client.transaction(Deadline.after(20)) as submit:
        submit(queries.read_lock("prod"))
    client.close()
    times = [args["evaluationTimeout"] for args in sent]
    assert len(times) == 4
    assert 8_000 < times[0] < 10_000  # type: ignore[operator]
    assert all(time < 20_000 for time in times)  # type: ignore[operator]


def test_a_client_that_nobody_closed_leaves_nothing(server: FaultyGremlin) -> None:
    """Commands end without closing what they opened: the connections go with the client."""
    client = GremlinClient(Endpoint(url=server.url))
    client.submit(queries.read_lock("prod"))
    assert server.open
    del client
    gc.collect()
    assert server.wait_until_left()


def test_a_process_that_closed_nothing_ends_silently(server: FaultyGremlin) -> None:
    """At its end, too: nothing is said about sessions, and nothing stays open."""
    code = (
        "import sys; from karma_adapters.gremlin import client, queries\n"
        "one = client.GremlinClient(client.Endpoint(url=sys.argv[1]))\n"
        "one.submit(queries.read_lock('prod'))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert server.wait_until_left()


def test_nothing_is_lost_in_an_outage_within_a_transaction(server: FaultyGremlin, opened: Opened) -> None:
    """A publish that the network ends is an error, and never said to be done."""
    server.fault = wire.gremlin(500, '{"code":"ConcurrentModificationException"}')
    with pytest.raises(StoreUnavailable):
        publish(opened(server.url), graph(nodes=["vpc/a"]))
