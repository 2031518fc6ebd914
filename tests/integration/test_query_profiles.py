"""docs/gremlin-queries.md lists every query that Karma sends to a graph store, and no other."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.traversal import Bytecode

from karma_adapters.gremlin import queries
from karma_adapters.gremlin.bulk import LoadFailed
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core import failpoints
from karma_core.deadlines import Deadline
from karma_core.errors import StoreError
from karma_core.graph.delta import diff
from karma_core.model import ChangeNode, Delta, GraphData, Provenance
from tests.graphs import component, graph, lease, next_build, publish
from tests.integration import gremlin_server
from tests.integration.query_profiles import PAGE, catalogue, shown_text, units

pytestmark = pytest.mark.xdist_group("gremlin")
LISTED = {unit for query in catalogue() for unit in units(query.traversal.bytecode)}


class Loader:
    """Loads nothing; or leaves something behind, and fails."""

    vertices = 0

    def __init__(self, leave: Callable[[], object] | None = None) -> None:
        self.leave = leave

    def put(self, stage: str, step: str, files: Iterable[bytes]) -> int:
        """As many as there are."""
        return len(list(files))

    def load(self, stage: str, step: str, until: Deadline) -> None:
        """It fails, or says that all is there."""
        if self.leave is not None:
            self.leave()
            raise LoadFailed("no load", why="a test", next_step="none")

    def abandon(self, stage: str, until: Deadline) -> None:
        """Nothing is under way."""

    def failed(self, error: StoreError) -> None:
        """Nobody listens."""


def changed(environment: str, *names: str, by: str) -> GraphData:
    """A chain of components, the first of them by a change."""
    pairs = list(itertools.pairwise(names))
    made = graph(pairs, nodes=names, environment=environment)
    change = ChangeNode(
        id=by, environment=environment, requested_by="ann", source="api", reason="", created_at=""
    )
    first = component(names[0], environment=environment)
    known = {name: getattr(first, name) for name in first.__struct_fields__ if name != "provenance"}
    origin = Provenance(commit="0" * 40, path="iac/a.json", change=by, dirty=False)
    placed = type(first)(**known, provenance=origin)
    others = tuple(node for node in made.nodes if node.address != first.address)
    return GraphData(
        nodes=tuple(sorted((placed, *others), key=lambda n: n.address)), edges=made.edges, changes=(change,)
    )


def read_at(place: str, store: GremlinGraphStore, environment: str, reached: str) -> None:
    """Read the graph where a publish has come so far: its stage is a part of it then."""
    if reached == place:
        store.load(environment)


@pytest.fixture(scope="module")
def sent() -> set[str]:
    """The units of all that a store sends: reads, publishes in each way, a load that fails."""
    seen: set[str] = set()

    class Seen(GraphBinarySerializersV1):  # type: ignore[misc]  # the driver ships no types
        def serialize_message(self, request_id: Any, message: RequestMessage) -> Any:
            asked = message.args.get("gremlin")
            if isinstance(asked, Bytecode) and asked.step_instructions:
                seen.update(units(asked))
            return super().serialize_message(request_id, message)

    plain = GremlinClient(Endpoint(url=gremlin_server.required().url))
    client = GremlinClient(Endpoint(url=gremlin_server.required().url), serializer=Seen)
    strays = Delta(
        put_nodes=(component("vpc/z", environment=f"queries-{os.getpid()}-2"),),
        put_changes=changed(f"queries-{os.getpid()}-2", "vpc/z", by="c-z").changes,
    )

    def leave() -> None:
        for write in queries.writes("", strays):
            plain.submit(write.chain(queries.source()))  # type: ignore[arg-type]

    for number, options in enumerate(({}, {"transaction_items": 0}, {"loader": Loader(leave)})):
        environment = f"queries-{os.getpid()}-{number}"
        store = GremlinGraphStore(client, **options)  # type: ignore[arg-type]
        failpoints.install(partial(read_at, "graph.commit.after_flip", store, environment))
        for names in (("vpc/a", "vpc/b", "vpc/c"), ("vpc/b", "vpc/c"), ("vpc/b", "vpc/d")):
            publish(
                store,
                changed(environment, *names, by=f"c-{len(names)}{names[1][-1]}"),
                environment=environment,
            )
        failpoints.install(None)
        store.builds(environment)
        store.build(environment, 1)
    environment = f"{environment}-loaded"
    target = graph(nodes=["vpc/a"], environment=environment)
    GremlinGraphStore(client, loader=Loader()).commit(
        next_build(None, target, environment=environment), diff(None, target), lease()
    )
    client.close()
    plain.close()
    return seen


def test_every_query_that_is_sent_is_listed(sent: set[str]) -> None:
    """By the writes and reads that it consists of: a new one needs a line in the catalogue."""
    assert sent - LISTED == set()


def test_every_query_that_is_listed_is_sent(sent: set[str]) -> None:
    """The page holds nothing that Karma has ceased to send."""
    assert LISTED - sent == set()


def test_a_query_that_is_not_listed_is_recognised() -> None:
    """The guard: another label, another step, another write in a batch."""
    start = queries.source()
    for other in (
        start.V().has("Lock", "environment", "prod").element_map(),
        start.V().has("Component", "environment", "prod").drop(),
        queries.fenced("prod", 1).add_v("Component"),
    ):
        assert units(other.bytecode) - LISTED


def test_the_page_shows_each_with_its_profile() -> None:
    """Name, text and a table of steps; the texts are those of now."""
    sections = {part.partition("\n")[0]: part for part in PAGE.read_text("utf-8").split("\n## ")[1:]}
    assert list(sections) == [query.name for query in catalogue()]
    for query in catalogue():
        assert shown_text(query) in sections[query.name]
        assert "| step | traversers | share of time |\n|---|---|---|\n| `" in sections[query.name]
