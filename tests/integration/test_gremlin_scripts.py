"""The Gremlin Server of the repository runs traversals alone: every way to a script is refused.

What Karma sends is shown to work by the suites of the graph store, which use the same server.
"""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from gremlin_python.driver.client import Client
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.driver.request import RequestMessage
from gremlin_python.process.graph_traversal import __

from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from tests.graphs import graph, publish
from tests.integration import gremlin_server

pytestmark = pytest.mark.xdist_group("gremlin")  # one server, not one a process

SCRIPT = "'id'.execute().text"
LANGUAGE = {"language": "gremlin-lang"}
LAMBDA = (SCRIPT, "gremlin-groovy")
REFUSED = "this server takes traversals alone"


def _eval(processor: str, **arguments: str) -> RequestMessage:
    return RequestMessage(processor, "eval", {"gremlin": SCRIPT, "session": "s", **arguments})


def _bytecode(gremlin: object) -> RequestMessage:
    return RequestMessage("traversal", "bytecode", {"gremlin": gremlin, "aliases": {"g": "g"}})


SCRIPTS: dict[str, tuple[RequestMessage, str]] = {
    "a script": (RequestMessage("", "eval", {"gremlin": SCRIPT}), REFUSED),
    "a script that says so": (_eval("session", language="gremlin-groovy"), REFUSED),
    "a script in a session": (_eval("session"), REFUSED),
    "a traversal that is taken for a script": (RequestMessage("", "eval", {"gremlin": "g.V()"}), REFUSED),
    "a script in place of bytecode": (_bytecode(SCRIPT), "Failed to authorize"),
    "a script in the grammar's name": (
        RequestMessage("", "eval", {"gremlin": SCRIPT, **LANGUAGE}),
        "Failed to interpret Gremlin query",
    ),
    "a lambda": (_bytecode(queries.source().inject(1).map(lambda: LAMBDA).bytecode), REFUSED),
    "a lambda within": (
        _bytecode(queries.source().inject(1).local(__.union(__.map(lambda: LAMBDA))).bytecode),
        REFUSED,
    ),
    "a file": (_bytecode(queries.source().io("/tmp/graph.json").write().bytecode), REFUSED),  # noqa: S108
    "a file in text": (
        RequestMessage("", "eval", {"gremlin": "g.io('/tmp/graph.json').read()", **LANGUAGE}),
        REFUSED,
    ),
}


@pytest.fixture
def client() -> Any:
    """The driver's own client: Karma's sends nothing of the kind."""
    made = Client(gremlin_server.required().url, "g")
    yield made
    made.close()


@pytest.mark.parametrize("what", SCRIPTS)
def test_no_script_is_run(client: Client, what: str) -> None:
    """Scripts, lambdas and files are refused, and the connection serves the next request."""
    message, why = SCRIPTS[what]
    with pytest.raises(GremlinServerError, match=why):
        client.submit(message).all().result()
    (one,) = client.submit(_bytecode(queries.source().inject(1).bytecode)).all().result()
    assert one.object == 1


def test_text_of_a_traversal_is_answered(client: Client) -> None:
    """In the grammar that Neptune speaks, to whoever asks without Karma."""
    assert client.submit("g.inject(1)", request_options=LANGUAGE).all().result() == [1]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_served_over_http(method: str) -> None:
    """Where a server without authentication asks no authorizer."""
    connection = http.client.HTTPConnection("127.0.0.1", gremlin_server.required().port, timeout=10)
    path = f"/gremlin?{urlencode({'gremlin': SCRIPT})}" if method == "GET" else "/gremlin"
    connection.request(method, path, json.dumps({"gremlin": SCRIPT}) if method == "POST" else None)
    try:
        answer = connection.getresponse()
    except http.client.RemoteDisconnected:
        return
    assert answer.status == 400
    assert b"uid=" not in answer.read()


def test_a_graph_is_kept_over_a_restart(tmp_path: Path) -> None:
    """With KEEP, as in compose: a server that is told to end writes its graph where the next one reads it.

    One start shows both: what an earlier one wrote is read, and written again with what was published.
    """
    gremlin_server.required()
    kept = tmp_path / "graph.json"
    kept.write_text('{"id":"earlier","label":"Kept"}\n')
    server = gremlin_server.start(keep=True, directory=tmp_path)
    try:
        store = GremlinGraphStore(GremlinClient(Endpoint(url=server.url)))
        publish(store, graph([("rds/main", "vpc/core")]))
        assert server.run(queries.source().V("earlier").label()) == ["Kept"]
        store.close()
    finally:
        server.stop()
    ids = {json.loads(line)["id"] for line in kept.read_text().splitlines()}
    assert {"earlier", "prod:rds/main", "prod:vpc/core"} <= ids
    assert not (tmp_path / "graph.open.json").exists()
