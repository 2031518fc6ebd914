"""Stored plans: written as artifacts, read by their id."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from karma_core import strictjson
from karma_core.decoding import convert, decode
from karma_core.errors import NotFound, Refused, StoreError
from karma_core.ids import shown
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.needs import HasState, PlanStore
from karma_core.plan.document import Action, Plan, contract, readable
from karma_core.plan.shown import Shown
from karma_core.use_cases.selection.record import Selection

KIND: Final = "plan"


def store_plan(
    workspace: PlanStore, plan: Plan, selection: Selection, *, token: str = "", published: bool = True
) -> None:
    """Keep the plan: the contract's JSON and readable text for people, all of it (masked) for a deploy.

    `token` is of what the plan was made from (`build.inputs_token`); empty where it is not known.
    """
    folder = _folder(plan)
    document, text = artifacts_of(plan)
    workspace.artifacts.put(document, strictjson.canonical(contract(plan)))
    workspace.artifacts.put(text, readable(plan).encode())
    workspace.artifacts.put(f"{folder}/plan-whole.json", strictjson.canonical(to_builtins(plan)))
    body: JsonObject = {
        "folder": folder,
        "status": plan.status,
        "created_at": plan.created_at,
        "selection": to_builtins(selection),
        "token": token,
        "published": published,
    }
    workspace.state.put_document(KIND, plan.id, body)


def artifacts_of(plan: Plan) -> tuple[str, str]:
    """Keys of the plan's artifacts: the contract's JSON, and the text."""
    return f"{_folder(plan)}/plan.json", f"{_folder(plan)}/plan.txt"


def _folder(plan: Plan) -> str:
    return f"{plan.environment}/{plan.created_at[:10]}/{plan.id}"


def load_plan(workspace: PlanStore, plan_id: str) -> tuple[Plan, Selection]:
    """Return a stored plan and its selection; NotFound, or StoreError if its artifact is gone."""
    document = workspace.state.document(KIND, plan_id)
    if document is None:
        raise NotFound(
            f"there is no plan {shown(plan_id)!r}",
            next_step="make one with `karma plan`; its id is in the first line",
        )
    raw = workspace.artifacts.get(f"{document.body['folder']}/plan-whole.json")
    if raw is None:
        raise StoreError(f"the artifacts of plan {plan_id} are gone", next_step="plan again")
    plan = decode(raw, Plan)
    return plan, convert(document.body["selection"], Selection)


def token_of(workspace: HasState, plan_id: str) -> str:
    """Return the inputs token of a stored plan; empty if it is not known."""
    document = workspace.state.document(KIND, plan_id)
    return str(document.body.get("token", "")) if document is not None else ""


def require_published(workspace: HasState, plan_id: str) -> None:
    """Refused `unpublished-plan` for a plan of configs that are not in the parameter store."""
    document = workspace.state.document(KIND, plan_id)
    if document is not None and not document.body.get("published", True):
        raise Refused(
            f"plan {plan_id} cannot be deployed",
            why="it was made from the work tree, and what it plans is not published",
            next_step="`karma config publish`, then plan again",
            code="unpublished-plan",
        )


def as_shown(plan: Plan) -> Shown:
    """Return the plan in the form that deploys compare with: what somebody was shown."""
    return Shown(plan_id=plan.id, components={c.address: c for c in plan.components})


def require_shown(shown: Shown, addresses: Iterable[str], actions: Collection[Action]) -> None:
    """Refused `plan-outdated` unless the plan says one of the actions of every component.

    What was published or deployed since may have brought in components of which nobody has seen a plan.
    """
    planned = shown.components
    unseen = sorted(a for a in addresses if a not in planned or planned[a].action not in actions)
    if unseen and all(a in planned and planned[a].action is Action.DESTROY for a in unseen):
        raise Refused(
            f"plan {shown.plan_id} cannot be carried out by a deploy",
            why=f"it is to destroy {', '.join(unseen[:5])}",
            next_step="`karma destroy` shows the same plan, asks, and destroys that",
            code="plan-outdated",
            components=unseen,
        )
    if unseen:
        more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        raise Refused(
            f"plan {shown.plan_id} cannot be carried out",
            why=f"it says nothing of this for {unseen[0]}{more}, which the selection means now",
            next_step="plan again",
            code="plan-outdated",
            components=unseen,
        )
