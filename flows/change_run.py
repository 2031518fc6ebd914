"""A change as a Prefect flow: requested from a typed form, or applied once it is approved.

Plan and apply are separate runs: an approval may take days, and no run waits for it.
"""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_page
from flows.deploy import RUNNER, open_for_flow
from flows.executor import PrefectExecutor
from flows.hooks import ON_END
from flows.limits import place
from karma_core.changes.request import read_request
from karma_core.json_types import JsonObject
from karma_core.needs import CarryingOut
from karma_core.use_cases.changes.drain import carry_on, request_and_apply
from karma_core.use_cases.changes.reading import result_of
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.runs.records import Order, RunResult


@flow(
    name="change-run",
    flow_run_name="change {environment}",
    persist_result=False,
    task_runner=RUNNER,
    **ON_END,
)
def change_run(
    project: str,
    environment: str,
    change_id: str | None = None,
    component: str | None = None,
    proposed_change: JsonObject | list[JsonObject] | None = None,
    replace: JsonObject | None = None,
    create: JsonObject | None = None,
    remove: bool = False,
    changes: list[JsonObject] | None = None,
    base_version: int | None = None,
    reason: str = "",
    dry_run: bool = False,
    apply_when_approved: bool = False,
    idempotency_key: str | None = None,
    requested_by: str | None = None,
    source: str = "flow",
    order: str | None = None,
) -> JsonObject:
    """Request a change, or plan or apply the one with `change_id`. Returns the result document.

    `component` with `proposed_change` (a merge patch or a JSON Patch), `replace`, `create` or `remove`, or
    several of them in `changes`, are as in the request document. `apply_when_approved` applies it at once
    where no rule asks for an approval. A repeated `idempotency_key` gives the same change, and a change that
    is applied already is not applied again.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        change_id: A change that exists; nothing else is then needed.
        component: Address of the component to change, e.g. serverless-site/karma-dev.
        proposed_change: Of the component's config: JSON Merge Patch (RFC 7396) or JSON Patch (RFC 6902).
        replace: The component's whole new config.
        create: The config of a component that does not exist.
        remove: Remove the component's config.
        changes: Several components as one set, each as an object with component and one of the ways above.
        base_version: Version of the config that the patch was made for.
        reason: Why; it stands in the log.
        dry_run: Judge and plan it only.
        apply_when_approved: Apply it at once where no rule asks for an approval.
        idempotency_key: The same key gives the same change.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    fields = {
        "component": component,
        "proposed_change": proposed_change,
        "replace": replace,
        "create": create,
        "remove": remove or None,
        "changes": changes,
        "base_version": base_version,
        "idempotency_key": idempotency_key,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    body |= {"reason": reason, "dry_run": dry_run}
    with place("change", environment):
        if change_id is not None:
            change = carry_on(workspace, change_id, run_order)
        else:
            change = request_and_apply(workspace, read_request(body), run_order, wanted=apply_when_approved)
    show_page(project, environment, "changes", change.id)
    return result_of(workspace, change)


def run_order(order: Order, workspace: CarryingOut) -> RunResult:
    """The deploy or destroy of a change as task runs of this flow run."""
    return carry_out(order, workspace, lambda _: PrefectExecutor())
