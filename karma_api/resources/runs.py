"""Runs: deploys and destroys, their steps, and the orders that start them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from msgspec import Meta

from karma_api.access import Caller
from karma_api.names import Id, Reason
from karma_api.paging import Page, PageAsked, behind, page
from karma_api.resources.builds import Started
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core import ids
from karma_core.documents import Document, written
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.records import Run
from karma_core.roles import Role
from karma_core.use_cases.fleet import drifted
from karma_core.use_cases.orders.parameters import (
    SelectionParameters,
    Targets,
    Types,
    check_selection,
    parameters_of,
)
from karma_core.use_cases.plans.stored import load_plan, require_published
from karma_core.use_cases.runs import resume
from karma_core.use_cases.runs.records import Order
from karma_core.use_cases.selection.deployed import select_for_destroy
from karma_core.use_cases.selection.naming import excluded, named, require_some_left
from karma_core.use_cases.selection.record import Selection
from karma_core.workspace import OpenEnvironment

MOST_RUNS = 10_000
"""Runs that a page is taken from, the newest."""


class RunAsked(Asked, frozen=True, kw_only=True):
    """One run."""

    run_id: Id


class RunShown(Answered, kw_only=True):
    """A run with its journal: intent and outcome of every step, in order."""

    id: str
    kind: str
    status: str
    started_at: str
    steps: list[JsonObject]


class Deployment(SelectionParameters, frozen=True, kw_only=True):
    """The deploy to start: a selection, exactly as `plan_id` says, or the rest of `resume_run`.

    `override_policy` is why freezes and approvals are set aside, for whom the policy names. Where the policy
    wants an approval, the run ends as a change that waits for it.
    """

    plan_id: Id | None = None
    resume_run: Id | None = None
    allow_blocked: bool = False
    override_policy: Reason = ""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None

    def __post_init__(self) -> None:
        chosen = self.selection != Selection()
        if sum(map(bool, (chosen, self.plan_id, self.resume_run))) != 1:
            raise ValueError("say exactly one of: components (or everything, changed), plan_id, resume_run")
        if chosen:
            check_selection(self.selection)


class DeployAsked(Asked, frozen=True, kw_only=True):
    """Request for a deploy."""

    body: Deployment


class Destruction(Document, frozen=True, kw_only=True):
    """The destroy to start: `targets`, `everything`, or what the plan `plan_id` shows and nothing more.

    `override_policy` as for a deploy.
    """

    targets: Targets = []
    types: Types = []
    exclude: Targets = []
    everything: bool = False
    plan_id: Id | None = None
    override_policy: Reason = ""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None

    def __post_init__(self) -> None:
        if self.plan_id is None or self.selection != Selection():
            check_selection(self.selection)

    @property
    def selection(self) -> Selection:
        """The selection; empty where the plan's is meant."""
        return SelectionParameters(
            targets=self.targets, types=self.types, exclude=self.exclude, everything=self.everything
        ).selection


class DestroyAsked(Asked, frozen=True, kw_only=True):
    """Request for a destroy."""

    body: Destruction


class DestroyStarted(Started, kw_only=True):
    """The run, and what it destroys, consumers first."""

    components: list[str]


class RunEnded(Answered, kw_only=True):
    """A closed run."""

    run_id: str
    status: str


class DriftWanted(Document, frozen=True, kw_only=True):
    """The components to check; none: all that are deployed."""

    targets: Targets = []
    types: Types = []
    exclude: Targets = []


class DriftAsked(Asked, frozen=True, kw_only=True):
    """Request for a drift check."""

    body: DriftWanted = DriftWanted()


class DriftShown(Answered, kw_only=True):
    """The last check of each component, by address."""

    environment: str
    components: list[JsonObject]


def list_runs(service: Service, _caller: Caller, asked: PageAsked) -> JsonObject:
    """A page of runs, newest first."""
    most = asked.limit + 1 if asked.after is None else MOST_RUNS
    runs = behind(list(service.workspace.state.runs(limit=most)), asked.after, _id)
    return page(runs, asked.limit, cursor=_id, show=to_builtins)


def _id(run: Run) -> str:
    return run.id


def show(service: Service, _caller: Caller, asked: RunAsked) -> JsonObject:
    """One run with its journal."""
    state = service.workspace.state
    run = state.run(asked.run_id)
    if run is None:
        raise NotFound(f"there is no run {asked.run_id}", next_step="GET /runs lists them")
    return {**to_builtins(run), "steps": to_builtins(state.entries(run_id=run.id))}


def deploy(service: Service, caller: Caller, asked: DeployAsked) -> JsonObject:
    """Order a deploy."""
    wanted = asked.body
    workspace = service.acting(caller)
    order = _order(service, caller, workspace, wanted)
    parameters = parameters_of(order)
    key = wanted.idempotency_key or workspace.new_id()
    return {"flow": "deploy", "flow_run_id": service.start(caller, "deploy", parameters, key=key)}


def _order(service: Service, caller: Caller, workspace: OpenEnvironment, wanted: Deployment) -> Order:
    """Return the order to run. Unknown names are refused here, where the caller sees it."""
    override = wanted.override_policy
    if wanted.resume_run is not None:
        show(service, caller, RunAsked(run_id=wanted.resume_run))
        return Order(kind="resume", run_id=wanted.resume_run, override=override)
    selection = wanted.selection
    if wanted.plan_id is not None:
        require_published(workspace, wanted.plan_id)
        selection = load_plan(workspace, wanted.plan_id)[1]
    else:
        _require_known(service, workspace, selection)
    return Order(
        kind="deploy",
        selection=selection,
        plan_id=wanted.plan_id,
        allow_blocked=wanted.allow_blocked,
        override=override,
    )


def _require_known(service: Service, workspace: OpenEnvironment, selection: Selection) -> None:
    """Refuse names that mean nothing here: their run could only fail, where the caller does not see it."""
    known: set[str] = set()
    with suppress(NotFound):  # there is no graph yet
        known = set(service.graph.view().nodes)
    published = {t for t in selection.targets if ids.is_address(t) and t not in known}
    for address in published:
        if workspace.parameters.get(workspace.config_parameter(address)) is not None:
            known.add(address)
    chosen = known if selection.everything else named(selection, known, environment=workspace.name)
    left_out = excluded(selection, known, environment=workspace.name)
    if selection.everything:  # of others the run knows the cones
        require_some_left(selection, chosen, left_out)


def destroy(service: Service, caller: Caller, asked: DestroyAsked) -> JsonObject:
    """Order a destroy; refused while others that are deployed consume what would go."""
    wanted = asked.body
    workspace = service.acting(caller)
    selection = wanted.selection
    if wanted.plan_id is not None and selection == Selection():
        selection = load_plan(workspace, wanted.plan_id)[1]
    components = select_for_destroy(workspace, selection)
    override = wanted.override_policy
    order = Order(kind="destroy", selection=selection, plan_id=wanted.plan_id, override=override)
    parameters = parameters_of(order)
    key = wanted.idempotency_key or service.workspace.new_id()
    flow_run_id = service.start(caller, "destroy", parameters, key=key)
    return {"flow": "destroy", "flow_run_id": flow_run_id, "components": components}


def abandon(service: Service, caller: Caller, asked: RunAsked) -> JsonObject:
    """Close a run that ended early, for good; the next deploy finds what it left."""
    run = resume.abandon(service.acting(caller), asked.run_id)
    return {"run_id": run.id, "status": run.status}


def show_drift(service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """Return the results of the last checks."""
    documents = service.workspace.state.documents(drifted.KIND)
    return {
        "environment": service.name,
        "components": [{"address": document.id, **document.body} for document in documents],
    }


def check_drift(service: Service, caller: Caller, asked: DriftAsked) -> JsonObject:
    """Order a drift check."""
    parameters = written(asked.body)
    key = service.workspace.new_id()
    return {"flow": "drift-check", "flow_run_id": service.start(caller, "drift-check", parameters, key=key)}


ROUTES = (
    Route(
        name="runs",
        method="GET",
        path="/runs",
        role=Role.VIEWER,
        handler=list_runs,
        summary="Runs, newest first",
        tag="runs",
        asked=PageAsked,
        answered=Page,
    ),
    Route(
        name="run",
        method="GET",
        path="/runs/{run_id}",
        role=Role.VIEWER,
        handler=show,
        summary="One run with its steps",
        tag="runs",
        asked=RunAsked,
        answered=RunShown,
    ),
    Route(
        name="deploy",
        method="POST",
        path="/deployments",
        role=Role.APPROVER,
        handler=deploy,
        summary="Start a deploy",
        tag="runs",
        asked=DeployAsked,
        answered=Started,
        status=202,
        statuses=(409, 422),
    ),
    Route(
        name="destroy",
        method="POST",
        path="/destructions",
        role=Role.APPROVER,
        handler=destroy,
        summary="Start a destroy",
        tag="runs",
        asked=DestroyAsked,
        answered=DestroyStarted,
        status=202,
        statuses=(409, 422),
    ),
    Route(
        name="run-abandon",
        method="POST",
        path="/runs/{run_id}/abandon",
        role=Role.APPROVER,
        handler=abandon,
        summary="Close a run that ended early, for good",
        tag="runs",
        asked=RunAsked,
        answered=RunEnded,
        statuses=(409,),
    ),
    Route(
        name="drift",
        method="GET",
        path="/drift",
        role=Role.VIEWER,
        handler=show_drift,
        summary="What the last drift checks found",
        tag="runs",
        answered=DriftShown,
    ),
    Route(
        name="drift-check",
        method="POST",
        path="/drift-checks",
        role=Role.OPERATOR,
        handler=check_drift,
        summary="Start a drift check",
        tag="runs",
        asked=DriftAsked,
        answered=Started,
        status=202,
    ),
)
