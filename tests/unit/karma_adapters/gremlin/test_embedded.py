"""Gremlin over the embedded graph: what cannot be answered is the caller's fault, not the store's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.gremlin.embedded import EmbeddedGremlin
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core.errors import UsageError
from tests.graphs import graph, publish


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedGremlin]:
    """Over a triangle, so that paths multiply without end."""
    store = SqliteGraphStore(tmp_path / "graph.db")
    edges = [("b/two", "a/one"), ("c/three", "a/one"), ("c/three", "b/two")]
    publish(store, graph(edges, environment="test"), environment="test")
    yield EmbeddedGremlin(store)
    store.close()


@pytest.mark.parametrize(
    "text",
    [
        "g.V().values('type').sum()",
        "g.V().repeat(both()).times(200)",
        "g.V().range(5, 2)",
        "g.V().select('x')",
    ],
)
def test_a_query_that_has_no_answer_is_refused(engine: EmbeddedGremlin, text: str) -> None:
    """A wrong kind of value, more paths than can be counted, a range or label that there is not."""
    with pytest.raises(UsageError) as caught:
        engine.query("test", text)
    assert caught.value.code == "gremlin"
    assert caught.value.why
