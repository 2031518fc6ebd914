"""The graph as a whole: shown, walked, compared."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.exchange import Reply, encode
from karma_api.names import Address, Moment
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.graph.document import show_document
from karma_core.graph.impact import impact
from karma_core.roles import Role
from karma_core.use_cases.history import difference


class GraphAsked(Asked):
    """Which graph."""

    at: Moment | None = None


class GraphShown(Answered):
    """A whole graph; `source` of an edge depends on its `target`."""

    environment: str
    build_id: int
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


class ImpactAsked(Asked):
    """Whose cone."""

    component: Address


class ImpactShown(Answered):
    """All that depends on a component, in waves that may run at once."""

    component: str
    downstream: list[str]
    waves: list[list[str]]


class PathAsked(Asked):
    """From a consumer to a producer."""

    source: Address
    target: Address


class PathShown(Answered):
    """A shortest path; empty where there is none."""

    source: str
    target: str
    path: list[str]


class DiffAsked(Asked):
    """Two builds: `from` is the current one where it is left out, `to` what a build would give now."""

    old: Moment | None = Field(None, alias="from")
    to: Moment | None = None


class DiffShown(Answered):
    """What turns one graph into the other."""

    environment: str
    added: int
    changed: int
    removed: int
    nodes: dict[str, list[str]]
    edges: dict[str, list[dict[str, Any]]]


def show(service: Service, _caller: Caller, asked: GraphAsked) -> Reply:
    """The graph, of now or of an earlier build or time."""
    view = service.graph.at(asked.at)
    return Reply(document=graph_bytes(view), view=view)


def graph_bytes(view: View) -> bytes:
    """The graph's document as JSON, made once a build."""
    made = view.answered("document")
    if made is None:
        build = view.build
        document = show_document(
            view.data, environment=build.environment, build_id=build.id, forms=view.rendered.forms
        )
        made = encode(document)
        view.remember("document", made)
    return bytes(made)


def show_impact(service: Service, _caller: Caller, asked: ImpactAsked) -> Reply:
    """Who is reached by a change of the component."""
    view = service.graph.view()
    return Reply(document=impact(view.graph, asked.component), view=view)


def show_path(service: Service, _caller: Caller, asked: PathAsked) -> Reply:
    """How one component depends on another."""
    view = service.graph.view()
    path = view.graph.path(asked.source, asked.target)
    return Reply(document={"source": asked.source, "target": asked.target, "path": path}, view=view)


def show_diff(service: Service, caller: Caller, asked: DiffAsked) -> dict[str, Any]:
    """What changed between two builds, or what a build would change now."""
    return difference(service.acting(caller), asked.old, asked.to).contract()


ROUTES = (
    Route(
        name="graph",
        method="GET",
        path="/graph",
        role=Role.VIEWER,
        handler=show,
        summary="The graph, of now or of an earlier build",
        tag="graph",
        asked=GraphAsked,
        answered=GraphShown,
        cached=True,
    ),
    Route(
        name="graph-impact",
        method="GET",
        path="/graph/impact",
        role=Role.VIEWER,
        handler=show_impact,
        summary="All that depends on a component, in waves",
        tag="graph",
        asked=ImpactAsked,
        answered=ImpactShown,
        statuses=(422,),
        cached=True,
    ),
    Route(
        name="graph-path",
        method="GET",
        path="/graph/path",
        role=Role.VIEWER,
        handler=show_path,
        summary="A shortest chain of dependencies",
        tag="graph",
        asked=PathAsked,
        answered=PathShown,
        cached=True,
    ),
    Route(
        name="graph-diff",
        method="GET",
        path="/graph/diff",
        role=Role.VIEWER,
        handler=show_diff,
        summary="What changed between two builds, or would change now",
        tag="graph",
        asked=DiffAsked,
        answered=DiffShown,
        statuses=(409, 422),
    ),
)
