"""tests.gremlin_guard: the guard refuses what Neptune refuses, and lets through what Karma sends."""

from __future__ import annotations

import pytest
from gremlin_python.driver.request import RequestMessage
from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, P, T

from karma_adapters.gremlin import queries
from tests.gremlin_guard import NeptuneGuard, NotForNeptune, check


def g() -> GraphTraversal:
    """Every vertex."""
    return queries.source().V()


def upsert(created: dict[object, object]) -> GraphTraversal:
    """A vertex made with that."""
    return queries.source().merge_v({T.id: "a"}).option(Merge.on_create, created)


REFUSED = {
    "no such step": g().subgraph("x"),
    "a step within a step": g().where(__.out().tree()),
    "a whole-graph computation": g().page_rank(),
    "default cardinality": g().property("a", "b"),
    "set cardinality": g().property(Cardinality.set_, "a", "b"),
    "a list as value": g().property(Cardinality.single, "a", ["b"]),
    "a map as value": g().property(Cardinality.single, "a", {"b": 1}),
    "a meta-property": g().property(Cardinality.single, "a", "b", "c", "d"),
    "an id that is a number": queries.source().V(1),
    "a lambda": g().filter_(lambda: "it.get()"),
    "a match by more than the id": queries.source().merge_v({T.id: "a", "b": "c"}),
    "several labels": upsert({T.label: "A::B"}),
    "made with a list": upsert({T.label: "A", "b": ["c"]}),
    "a computer": queries.source().with_computer().V(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    """What the guard does not know, or knows not to work, does not reach the wire."""
    with pytest.raises(NotForNeptune):
        check(REFUSED[what].bytecode)


def test_too_many_records_and_too_many_steps() -> None:
    """The limits of one request hold for all of it."""
    many = g()
    for number in range(201):
        many = many.property(Cardinality.single, f"p{number}", 1)
    with pytest.raises(NotForNeptune, match="201 records"):
        check(many.bytecode)
    long = g()
    for _ in range(1501):
        long = long.out()
    with pytest.raises(NotForNeptune, match="1502 steps"):
        check(long.bytecode)


@pytest.mark.parametrize("arguments", [{"gremlin": "g.V()"}, {"gremlin": g().bytecode, "bindings": {"x": 1}}])
def test_texts_and_bindings_are_refused(arguments: dict[str, object]) -> None:
    """Values travel in bytecode alone."""
    with pytest.raises(NotForNeptune):
        NeptuneGuard().serialize_message("1", RequestMessage("traversal", "bytecode", arguments))


def test_what_is_sent_passes() -> None:
    """The guard is of use only if it lets the right things through."""
    check(g().has("type", P.within("a", "b")).out("depends_on").dedup().element_map().bytecode)
    check(upsert({T.label: "Component"}).property(Cardinality.single, "a", "b").bytecode)
