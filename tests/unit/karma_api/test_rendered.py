"""JSON of components and edges that is kept from build to build."""

from __future__ import annotations

import msgspec

from karma_api.rendered import Rendered
from karma_core.graph.document import edge_document, graph_document, node_document
from tests.graphs import component, graph


def test_it_is_the_document() -> None:
    """Byte for byte what the documents encode to, first and again."""
    data = graph([("b/y", "a/x")])
    rendered = Rendered()
    plain = msgspec.json.encode(graph_document(data))
    for _ in range(2):
        assert msgspec.json.encode(graph_document(data, rendered.forms)) == plain


def test_what_does_not_change_is_taken_over() -> None:
    """The same bytes are kept for an equal component of the next build, not for a changed one."""
    before = Rendered()
    same, other = component("a/x"), component("a/y")
    kept = before.node(same)
    before.node(other)
    after = Rendered(before)
    assert after.node(component("a/x")) is kept
    changed = msgspec.structs.replace(other, config_version=9)
    assert bytes(after.node(changed)) == msgspec.json.encode(node_document(changed))


def test_edges_are_kept_too() -> None:
    """By source, target and kind; with other keys it is another edge."""
    (edge,) = graph([("b/y", "a/x")]).edges
    before = Rendered()
    kept = before.edge(edge)
    after = Rendered(before)
    assert after.edge(*graph([("b/y", "a/x")]).edges) is kept
    narrower = msgspec.structs.replace(edge, keys=("arn",))
    assert bytes(Rendered(after).edge(narrower)) == msgspec.json.encode(edge_document(narrower))


def test_no_more_than_two_builds_are_kept() -> None:
    """Whatever was kept for the build before the last goes."""
    first = Rendered()
    first.node(component("a/x"))
    second = Rendered(first)
    third = Rendered(second)
    assert third.node(component("a/x")) is not first.node(component("a/x"))
    assert second._nodes_before == {}
