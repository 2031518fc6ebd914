"""The changes that the configs of a graph come from: its `Change` vertices, from the register of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from karma_core.changes.record import Change
from karma_core.changes.states import KIND
from karma_core.decoding import convert
from karma_core.json_types import JsonValue
from karma_core.model import ChangeNode, GraphData
from karma_core.needs import HasState

_FEW: Final = 50
"""Up to so many changes are fetched one by one; more by one reading of the whole register."""


def with_changes(workspace: HasState, graph: GraphData) -> GraphData:
    """The graph with every change that wrote one of its configs, and those that triggered these.

    Where the register knows a change no more, its vertex has its id alone. O(changes of the graph).
    """
    wanted = {n.provenance.change for n in graph.nodes if n.provenance and n.provenance.change}
    changes: dict[str, ChangeNode] = {}
    while wanted:
        for change_id, body in _bodies(workspace, wanted):
            changes[change_id] = _node(workspace.name, change_id, body)
        led_by = {node.triggered_by for node in changes.values() if node.triggered_by}
        wanted = led_by - changes.keys()
    if not changes and not graph.changes:
        return graph
    return msgspec.structs.replace(graph, changes=tuple(changes[change_id] for change_id in sorted(changes)))


def _bodies(workspace: HasState, wanted: Iterable[str]) -> Iterator[tuple[str, JsonValue]]:
    """(id, document's body or None) of each."""
    ids = sorted(wanted)
    if len(ids) <= _FEW:
        for change_id in ids:
            document = workspace.state.document(KIND, change_id)
            yield change_id, document.body if document else None
        return
    known = {document.id: document.body for document in workspace.state.documents(KIND)}
    yield from ((change_id, known.get(change_id)) for change_id in ids)


def _node(environment: str, change_id: str, body: JsonValue) -> ChangeNode:
    if body is None:
        return ChangeNode(id=change_id, environment=environment)
    change = convert(body, Change)
    return ChangeNode(
        id=change.id,
        environment=environment,
        requested_by=change.requested_by,
        source=change.source,
        reason=change.reason,
        created_at=change.created_at,
        triggered_by=change.rollback_of,
    )
