"""Plans: made of a selection, and shown again by their id."""

from __future__ import annotations

from karma_api.access import Caller
from karma_api.names import Id
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.json_types import JsonObject
from karma_core.plan.document import Plan, contract, readable
from karma_core.roles import Role
from karma_core.use_cases.orders.parameters import SelectionParameters, check_selection
from karma_core.use_cases.plans.stored import artifacts_of, load_plan


class PlanBody(SelectionParameters, frozen=True, kw_only=True):
    """The plan to make: of a deploy, or with `destroy` of a destroy (of named components, or `everything`).

    `from_worktree` plans the configs of the server's work tree without publishing them; no deploy takes such
    a plan.
    """

    destroy: bool = False
    from_worktree: bool = False

    def __post_init__(self) -> None:
        check_selection(self.selection)
        if self.destroy and (self.changed or self.since or self.with_producers):
            raise ValueError("`destroy` goes with targets, types or everything")
        if self.destroy and self.from_worktree:
            raise ValueError("`from_worktree` does not go with `destroy`: what was applied is destroyed")


class PlanWanted(Asked, frozen=True, kw_only=True):
    """Request for a plan."""

    body: PlanBody


class PlanAsked(Asked, frozen=True, kw_only=True):
    """One plan."""

    plan_id: Id


class PlanShown(Answered, kw_only=True):
    """The plan's document; `text` is all of it for people, `artifacts` are the keys of both, kept."""

    plan_id: str
    environment: str
    status: str
    components: list[JsonObject]
    summary: JsonObject
    text: str
    artifacts: list[str]


def make(service: Service, caller: Caller, asked: PlanWanted) -> JsonObject:
    """Plan a selection; applies nothing."""
    selection = asked.body.selection
    workspace = service.with_terraform(caller)
    from karma_core.use_cases.plans.destroy_plan import plan_destroy  # noqa: PLC0415 - not loaded where
    from karma_core.use_cases.plans.plan import plan  # noqa: PLC0415 - nothing can be planned
    from karma_core.use_cases.plans.worktree_plan import plan_worktree  # noqa: PLC0415

    make_plan = plan_destroy if asked.body.destroy else plan_worktree if asked.body.from_worktree else plan
    return _document(make_plan(workspace, selection))


def show(service: Service, caller: Caller, asked: PlanAsked) -> JsonObject:
    """A plan that was made."""
    return _document(load_plan(service.acting(caller), asked.plan_id)[0])


def _document(made: Plan) -> JsonObject:
    artifacts = list(artifacts_of(made))
    return {
        **contract(made),
        "created_at": made.created_at,
        "text": readable(made),
        "artifacts": artifacts,
    }


ROUTES = (
    Route(
        name="plan-make",
        method="POST",
        path="/plans",
        role=Role.OPERATOR,
        handler=make,
        summary="Plan components and all that depends on them",
        tag="plans",
        asked=PlanWanted,
        answered=PlanShown,
        status=201,
        statuses=(409, 422),
        costly=True,
    ),
    Route(
        name="plan",
        method="GET",
        path="/plans/{plan_id}",
        role=Role.VIEWER,
        handler=show,
        summary="A plan that was made",
        tag="plans",
        asked=PlanAsked,
        answered=PlanShown,
    ),
)
