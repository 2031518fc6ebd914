"""The queries of docs/gremlin.md, on the embedded engine and on a real Gremlin Server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.embedded import EmbeddedGremlin
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_adapters.gremlin.text import GremlinText
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core.errors import StoreUnavailable, UsageError
from karma_core.graph.delta import make_graph
from karma_core.model import ChangeNode, Edge, GraphData, Kind, Provenance, Status
from tests.graphs import component, graph, publish
from tests.gremlin_guard import NeptuneGuard
from tests.integration import gremlin_server

pytestmark = pytest.mark.xdist_group("gremlin")
PAGE = Path(__file__).parents[2] / "docs" / "gremlin.md"
QUERIES = re.findall(r"^```gremlin\n(.+?)\n```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
NEEDS = [
    ("ecs-cluster/main", "vpc/core"),
    ("rds/main", "vpc/core"),
    ("ecs-service/api", "ecs-cluster/main"),
    ("ecs-service/api", "rds/main"),
    ("ecs-service/worker", "ecs-cluster/main"),
    ("cdn/site", "ecs-service/api"),
    ("cdn/site", "zone/public"),
]


def shop(environment: str) -> GraphData:
    """A small system with one of everything that the page asks for."""
    nodes = {name: component(name, environment=environment) for pair in NEEDS for name in pair}
    nodes["budget/alone"] = component("budget/alone", environment=environment)
    for number, name in enumerate(sorted(nodes)):
        nodes[name] = msgspec.structs.replace(
            nodes[name],
            config_version=1 + number % 4,
            runtime_version=number if number % 3 else None,
            provenance=Provenance(commit="c0ffee" if number % 2 else "decade", path=f"it's/{name}"),
        )
    nodes["rds/main"] = msgspec.structs.replace(
        nodes["rds/main"], status=Status.STALE, provenance=Provenance(change="c-2")
    )
    nodes["vpc/core"] = msgspec.structs.replace(nodes["vpc/core"], provenance=Provenance(change="c-2"))
    first = ChangeNode(id="c-1", environment=environment, requested_by="ann", reason="more room")
    second = ChangeNode(id="c-2", environment=environment, requested_by="bob", triggered_by="c-1")
    edges = [Edge(source=s, target=t, via=("nickname",), pointers=("/x",)) for s, t in NEEDS]
    edges[0] = msgspec.structs.replace(edges[0], via=("declared", "nickname"))
    edges[1] = msgspec.structs.replace(edges[1], via=("match",))
    consumes = [
        Edge(source="rds/main", target="vpc/core", kind=Kind.CONSUMES, keys=("subnets", "vpc_id")),
        Edge(source="ecs-cluster/main", target="vpc/core", kind=Kind.CONSUMES),
        Edge(source="ecs-service/api", target="ecs-service/worker", kind=Kind.EMITS),
    ]
    return make_graph(nodes.values(), [*edges, *consumes], [first, second])


@dataclass
class Engines:
    """Both engines over the same graph, in an environment called prod."""

    embedded: EmbeddedGremlin
    server: GremlinText


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Two builds of the shop in `prod`, and another graph in `dev`, on both stores."""
    client = GremlinClient(Endpoint(url=gremlin_server.required().url), serializer=NeptuneGuard)
    gremlin_server.empty()
    stores = [SqliteGraphStore(tmp_path_factory.mktemp("g") / "graph.db"), GremlinGraphStore(client)]
    for store in stores:
        publish(store, graph(nodes=["vpc/core", "old/gone"]))
        publish(store, shop("prod"))
        publish(store, shop("dev"), environment="dev")
    yield Engines(EmbeddedGremlin(stores[0]), GremlinText(client))
    for store in stores:
        store.close()


def test_the_page_has_enough_queries() -> None:
    """What a platform engineer asks: at least 25 questions, none twice."""
    assert len(set(QUERIES)) == len(QUERIES) >= 25


@pytest.mark.parametrize("query", QUERIES)
def test_both_engines_give_the_same_answer(engines: Engines, query: str) -> None:
    """Every query of the page is answered alike by both, and has something to show (but for findings)."""
    embedded = engines.embedded.query("prod", query)
    assert msgspec.json.encode(embedded) == msgspec.json.encode(engines.server.query("prod", query))
    assert embedded.results or "findings" in query
    assert not embedded.truncated


def test_answers_are_what_the_graph_says(engines: Engines) -> None:
    """The two could agree on nonsense: a few answers by hand."""
    asked = {
        "g.V().hasLabel('Component').count()": [8],
        "g.V('prod:vpc/core').in('depends_on').id()": ["prod:ecs-cluster/main", "prod:rds/main"],
        "g.V('prod:cdn/site').repeat(out('depends_on')).until(hasId('prod:vpc/core')).path().by('type')": [
            ["cdn", "ecs-service", "ecs-cluster", "vpc"],
            ["cdn", "ecs-service", "rds", "vpc"],
        ],
        "g.V().has('path', 'it\\'s/zone/public')": [{"id": "prod:zone/public", "label": "Component"}],
        'g.V().has("Component", "path", "it\'s/zone/public").values("type").toList()': ["zone"],
        "g.V().hasLabel('Component').groupCount().by('status')": [{"current": 7, "stale": 1}],
        "g.E().hasLabel('emits_runtime_to')": [
            {
                "id": "prod:ecs-service/api|emits_runtime_to|ecs-service/worker",
                "label": "emits_runtime_to",
                "source": "prod:ecs-service/api",
                "target": "prod:ecs-service/worker",
            }
        ],
        "g.V('prod:vpc/core').out('changed_by').in('triggered').values('reason')": ["more room"],
        "g.V('change:prod:c-2').in('changed_by').id()": ["prod:rds/main", "prod:vpc/core"],
        "g.V('change:prod:c-1').outE('triggered')": [
            {
                "id": "prod:c-1|triggered|c-2",
                "label": "triggered",
                "source": "change:prod:c-1",
                "target": "change:prod:c-2",
            }
        ],
        "g.V('dev:vpc/core')": [],
    }
    for query, expected in asked.items():
        assert engines.embedded.query("prod", query).results == expected, query
        assert engines.server.query("prod", query).results == expected, query


@pytest.mark.parametrize(
    "value", ["x').drop()//", '"); g.V().drop(); ("', "${1+1}", "`", "漢字🙂", "\\", "\n", "{{ssm:y}}"]
)
def test_literals_are_only_literals(engines: Engines, value: str) -> None:
    """Whatever stands between quotes is compared, never run, on both."""
    quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    query = f"g.V().has('Component', 'nickname', {quoted}).count()"
    assert engines.embedded.query("prod", query).results == [0]
    assert engines.server.query("prod", query).results == [0]
    constant = f"g.V('prod:vpc/core').constant({quoted})"
    assert engines.embedded.query("prod", constant).results == [value]
    assert engines.server.query("prod", constant).results == [value]


def test_results_are_limited(engines: Engines) -> None:
    """No more results than asked for, and it is said that there were more."""
    for engine in (engines.embedded, engines.server):
        answer = engine.query("prod", "g.V().hasLabel('Component').id().order()", limit=4)
        assert answer.results == [
            "prod:budget/alone",
            "prod:cdn/site",
            "prod:ecs-cluster/main",
            "prod:ecs-service/api",
        ]
        assert answer.truncated


def test_time_is_limited(engines: Engines) -> None:
    """A query that would run for ever ends with an error that says so."""
    for engine in (engines.embedded, engines.server):
        with pytest.raises(StoreUnavailable):
            engine.query("prod", "g.V().repeat(both()).times(30).path().dedup().count()", seconds=0.3)


def test_maps_come_sorted_by_name(engines: Engines) -> None:
    """Even where a query orders them: JSON objects have no order that stores could be held to."""
    query = "g.V().hasLabel('Component').groupCount().by('type').order(local).by(values, desc)"
    for engine in (engines.embedded, engines.server):
        (counted,) = engine.query("prod", query).results
        assert list(counted) == sorted(counted)
        assert counted["ecs-service"] == 2


def test_a_new_build_is_seen(tmp_path: Path) -> None:
    """The embedded engine answers from the current build, not from the one that it met first."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    engine = EmbeddedGremlin(store)
    assert engine.query("prod", "g.V().count()").results == [0]
    publish(store, graph(nodes=["vpc/a"]))
    assert engine.query("prod", "g.V().hasLabel('Component').count()").results == [1]
    publish(store, graph(nodes=["vpc/a", "vpc/b"]))
    assert engine.query("prod", "g.V().hasLabel('Component').count()").results == [2]
    store.close()


def test_writes_are_refused_before_they_are_sent(engines: Engines) -> None:
    """A step that is not on the list is a usage error on both."""
    for engine in (engines.embedded, engines.server):
        for query in ("g.V().drop()", "g.addV('x')", "g.V().property('a', 'b')"):
            with pytest.raises(UsageError):
                engine.query("prod", query)
    assert engines.server.query("prod", "g.V().hasLabel('Component').count()").results == [8]
