"""The state store's note of the graph's newest build, by which a graph that was replaced is noticed.

The graph is derived from configs, runtimes and applied records, so nothing is decided by it, and the next
build sets it right. Whoever shows it, however, would show an older copy, another environment's or an empty
one as if it were the current one: `graph-older`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from karma_core.decoding import convert
from karma_core.errors import BadInput, Refused
from karma_core.model import Build, Record, to_builtins
from karma_core.needs import GraphReading

OLDER: Final = "graph-older"
"""Code of the refusal, and of the check of `karma doctor`."""
KIND: Final = "heights"
DOCUMENT: Final = "graph"
"""Kind and id of the state store's document."""


class _Noted(Record, frozen=True, kw_only=True):
    """What identifies a build."""

    id: int
    created_at: str
    digest: str


def note_build(workspace: GraphReading, build: Build) -> None:
    """Note the newest build. Called after its commit: a graph that is further on than noted is sound."""
    wanted = to_builtins(_noted_of(build))
    kept = workspace.state.document(KIND, DOCUMENT)
    if kept is None or kept.body != wanted:
        workspace.state.put_document(KIND, DOCUMENT, wanted)


def graph_fault(workspace: GraphReading, current: Build | None) -> str:
    """Why the stored graph, whose build is `current`, is not the one that was built last; else empty.

    One document of the state store; one build more where the graph is further on.
    """
    kept = workspace.state.document(KIND, DOCUMENT)
    if kept is None:
        return ""
    try:
        noted = convert(kept.body, _Noted)
    except msgspec.ValidationError as error:
        return f"what the state store notes of the last build cannot be read: {error}"
    if current is None:
        return f"the graph store has no build, and build {noted.id} was the last"
    if current.id < noted.id:
        return f"the graph store is at build {current.id}, an older copy: build {noted.id} was the last"
    same = current if current.id == noted.id else workspace.graph.build(workspace.name, noted.id)
    if same is None or _noted_of(same) != noted:
        return f"the graph store has another build {noted.id} than the one that was built: it is of elsewhere"
    return ""


def require_last_build(workspace: GraphReading, current: Build | None) -> None:
    """Refused `graph-older` where the stored graph is not the one that was built last."""
    why = graph_fault(workspace, current)
    if why:
        raise Refused(
            f"the graph of {workspace.name} is not shown",
            why=why,
            next_step="`karma graph build --anew` builds it from its sources",
            code=OLDER,
        )


def require_intact(build: Build, digest: str) -> None:
    """BadInput `graph-damaged` where a graph with this digest is not the one that the build published."""
    if digest != build.digest:
        raise BadInput(
            f"the graph of {build.environment} is damaged",
            why=f"it is not what build {build.id} published: its digest differs",
            next_step="`karma graph build --anew` builds it from its sources",
            code="graph-damaged",
        )


def _noted_of(build: Build) -> _Noted:
    return _Noted(id=build.id, created_at=build.created_at, digest=build.digest)
