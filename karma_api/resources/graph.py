"""The graph as a whole: shown, walked, compared."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import field as key

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.exchange import Reply, encode
from karma_api.names import Address, Moment
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.graph.document import show_document
from karma_core.graph.export import export
from karma_core.graph.impact import impact
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.roles import Role
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.graph.history import difference

TEXT: Final = "text/plain; charset=utf-8"


class GraphAsked(Asked, frozen=True, kw_only=True):
    """Request for a graph."""

    at: Moment | None = None


class GraphShown(Answered, kw_only=True):
    """A whole graph; `source` of an edge depends on its `target`."""

    environment: str
    build_id: int
    nodes: list[JsonObject]
    edges: list[JsonObject]


class ImpactAsked(Asked, frozen=True, kw_only=True):
    """Request for the cone of a component."""

    component: Address


class ImpactShown(Answered, kw_only=True):
    """All that depends on a component, in waves that may run at once."""

    component: str
    downstream: list[str]
    waves: list[list[str]]


class PathAsked(Asked, frozen=True, kw_only=True):
    """Request for a path from a consumer to a producer."""

    source: Address
    target: Address


class PathShown(Answered, kw_only=True):
    """A shortest path; empty where there is none."""

    source: str
    target: str
    path: list[str]


class DiffAsked(Asked, frozen=True, kw_only=True):
    """Two builds: `from` is the current one where it is left out, `to` what a build would give now."""

    old: Moment | None = key(default=None, name="from")
    to: Moment | None = None


class ExportAsked(GraphAsked, frozen=True, kw_only=True):
    """Request for a graph in an export format."""

    format: Literal["dot", "graphml", "json", "mermaid"] = "mermaid"


class FindingsShown(Answered, kw_only=True):
    """The findings of a build of now; with an error it would not be published."""

    environment: str
    findings: list[JsonObject]


class DiffShown(Answered, kw_only=True):
    """The difference between two graphs."""

    environment: str
    added: int
    changed: int
    removed: int
    nodes: dict[str, list[str]]
    edges: dict[str, list[JsonObject]]


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
    """Return the components that a change of this one reaches."""
    view = service.graph.view()
    return Reply(document=impact(view.graph, asked.component), view=view)


def show_path(service: Service, _caller: Caller, asked: PathAsked) -> Reply:
    """Return how one component depends on another."""
    view = service.graph.view()
    path = view.graph.path(asked.source, asked.target)
    return Reply(document={"source": asked.source, "target": asked.target, "path": path}, view=view)


def show_diff(service: Service, caller: Caller, asked: DiffAsked) -> JsonObject:
    """Return the difference between two builds, or what a build would change now."""
    return difference(service.acting(caller), asked.old, asked.to).contract()


def export_text(service: Service, _caller: Caller, asked: ExportAsked) -> Reply:
    """The graph as text for other tools."""
    view = service.graph.at(asked.at)
    build = view.build
    text = export(view.data, asked.format, environment=build.environment, build_id=build.id)
    return Reply(document=text.encode(), media_type=TEXT, view=view)


def validate(service: Service, caller: Caller, _asked: Asked) -> JsonObject:
    """Build in memory and give every finding; publishes nothing."""
    workspace = service.acting(caller)
    check_binding(workspace)
    return {"environment": workspace.name, "findings": to_builtins(read_fleet(workspace).findings)}


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
        costly=True,
    ),
    Route(
        name="graph-export",
        method="GET",
        path="/graph/export",
        role=Role.VIEWER,
        handler=export_text,
        summary="The graph as Mermaid, DOT, GraphML or JSON",
        tag="graph",
        asked=ExportAsked,
        media_type=TEXT,
        cached=True,
    ),
    Route(
        name="graph-validate",
        method="GET",
        path="/graph/validate",
        role=Role.VIEWER,
        handler=validate,
        summary="What a build would find now",
        tag="graph",
        answered=FindingsShown,
        statuses=(409, 422),
        costly=True,
    ),
)
