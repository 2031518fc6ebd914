"""Builds: the publications of the graph, and the order to make one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from karma_api.access import Caller
from karma_api.paging import Page, PageAsked, number, page
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import Document
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject
from karma_core.model import Build, to_builtins
from karma_core.roles import Role


class BuildAsked(Asked, frozen=True, kw_only=True):
    """One build."""

    build_id: Annotated[int, Meta(ge=1, le=2**63 - 1, description="The build's number.")]


class BuildShown(Answered, kw_only=True):
    """A build with its findings."""

    build_id: int
    environment: str
    created_at: str
    components: int
    dependencies: int
    findings: list[JsonObject]


class Rebuild(Document, frozen=True, kw_only=True):
    """Options of a build. `keep_going`: invalid components keep their last good node; errors stop nothing."""

    keep_going: bool = False


class RebuildAsked(Asked, frozen=True, kw_only=True):
    """Request for a build."""

    body: Rebuild = Rebuild()


class Started(Answered, kw_only=True):
    """A run that was ordered: it goes on by itself, GET /runs and the events tell how."""

    flow: str
    flow_run_id: str


def list_builds(service: Service, _caller: Caller, asked: PageAsked) -> JsonObject:
    """A page of builds, newest first."""
    store, name = service.workspace.graph, service.name
    current = store.current(name)
    newest = current.id if current is not None else 0
    below = min(number(asked.after, default=newest + 1), newest + 1)
    skipped = newest + 1 - below  # builds are numbered without a gap
    builds = store.builds(name, limit=skipped + asked.limit + 1)
    rest = (build for build in builds if build.id < below)
    return page(rest, asked.limit, cursor=lambda build: str(build.id), show=_line)


def _line(build: Build) -> JsonObject:
    document = build_document(build)
    findings = document.pop("findings")
    return {**document, "findings": len(findings)}


def build_document(build: Build) -> JsonObject:
    """Return a build as JSON, without its inputs token and the key of its snapshot."""
    body: JsonObject = to_builtins(build)
    kept = {name: value for name, value in body.items() if name not in {"id", "inputs", "snapshot"}}
    return {"build_id": build.id, **kept}


def show(service: Service, _caller: Caller, asked: BuildAsked) -> JsonObject:
    """One build."""
    build = service.workspace.graph.build(service.name, asked.build_id)
    if build is None:
        raise NotFound(f"there is no build {asked.build_id}", next_step="GET /builds lists those that are")
    return build_document(build)


def start(service: Service, caller: Caller, asked: RebuildAsked) -> JsonObject:
    """Order a rebuild of the graph."""
    key = service.workspace.new_id()
    flow_run_id = service.start(caller, "graph-rebuild", to_builtins(asked.body), key=key)
    return {"flow": "graph-rebuild", "flow_run_id": flow_run_id}


ROUTES = (
    Route(
        name="builds",
        method="GET",
        path="/builds",
        role=Role.VIEWER,
        handler=list_builds,
        summary="Builds, newest first",
        tag="builds",
        asked=PageAsked,
        answered=Page,
    ),
    Route(
        name="build-start",
        method="POST",
        path="/builds",
        role=Role.OPERATOR,
        handler=start,
        summary="Rebuild the graph",
        tag="builds",
        asked=RebuildAsked,
        answered=Started,
        status=202,
    ),
    Route(
        name="build",
        method="GET",
        path="/builds/{build_id}",
        role=Role.VIEWER,
        handler=show,
        summary="One build with its findings",
        tag="builds",
        asked=BuildAsked,
        answered=BuildShown,
    ),
)
