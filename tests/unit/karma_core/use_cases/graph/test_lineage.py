"""The changes that configs come from are in the graph, and are told by a named query."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import NotFound
from karma_core.graph.query import run_query
from karma_core.model import Snapshot
from karma_core.use_cases.graph.build import build_graph
from tests.change_system import ChangeSystem


@pytest.fixture
def system() -> ChangeSystem:
    """a/one ← b/two, and d/four; all deployed, none moved by a change."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"}, d_four={"size": 1})
    system.deploy()
    return system


def stored(system: ChangeSystem) -> Snapshot:
    """The graph as a reader finds it."""
    build_graph(system.workspace)
    snapshot = system.graph.load("test")
    assert snapshot is not None
    return snapshot


def asked(system: ChangeSystem, **parameters: str) -> dict[str, Any]:
    """The answer of the query `changes`."""
    return run_query(stored(system).graph, "changes", parameters)


def test_a_config_leads_to_the_change_that_wrote_it(system: ChangeSystem) -> None:
    """The vertex says who and why; a config that Git wrote leads to none."""
    change = system.applied("a/one", proposed_change={"size": 2}, reason="more room")
    (node,) = stored(system).graph.changes
    assert (node.id, node.requested_by, node.reason, node.source) == (change.id, "ann", "more room", "cli")
    assert node.created_at == change.created_at
    assert asked(system)["edges"] == [{"source": "a/one", "target": change.id, "kind": "changed_by"}]


def test_a_rollback_is_triggered_by_what_it_takes_back(system: ChangeSystem) -> None:
    """The graph holds both; the change that wrote nothing of now is there as the cause alone."""
    change = system.applied("a/one", proposed_change={"size": 2})
    back = system.roll_back(change)
    system.apply(back)
    assert asked(system)["edges"] == [
        {"source": "a/one", "target": back.id, "kind": "changed_by"},
        {"source": change.id, "target": back.id, "kind": "triggered"},
    ]


def test_a_change_leaves_the_graph_with_its_last_config(system: ChangeSystem) -> None:
    """The stored graph is what is now: history is in the builds and in the log."""
    system.applied("a/one", proposed_change={"size": 2})
    newer = system.applied("a/one", proposed_change={"size": 3})
    assert [node.id for node in stored(system).graph.changes] == [newer.id]
    system.configure(a_one={"size": 4})
    assert stored(system).graph.changes == ()


def test_one_component_can_be_asked_for(system: ChangeSystem) -> None:
    """Its own change alone; nothing for one that no change moved; an error for one that is not there."""
    mine = system.applied("a/one", proposed_change={"size": 2})
    system.applied("d/four", proposed_change={"size": 2})
    assert [n["id"] for n in asked(system, component="a/one")["nodes"]] == ["a/one", mine.id]
    assert asked(system, component="b/two") == {"nodes": [], "edges": []}
    with pytest.raises(NotFound):
        asked(system, component="a/none")


def test_many_changes_are_read_at_once(system: ChangeSystem) -> None:
    """The graph is the same whether the register is read one by one or whole."""
    system.configure(**{f"c_n{number}": {"size": 1} for number in range(60)})
    made = [system.applied(f"c/n{number}", proposed_change={"size": 2}).id for number in range(60)]
    assert [node.id for node in stored(system).graph.changes] == sorted(made)


def test_a_change_that_nobody_remembers_is_a_vertex_all_the_same(system: ChangeSystem) -> None:
    """The graph can be rebuilt from parameters alone, as far as they say it."""
    change = system.applied("a/one", proposed_change={"size": 2})
    system.state._documents.pop(("change", change.id))
    system.configure(d_four={"size": 7})
    (node,) = stored(system).graph.changes
    assert (node.id, node.requested_by) == (change.id, "")
