"""The drift check as a Prefect flow, for schedules."""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_drift, show_graph
from flows.deploy import open_for_flow
from flows.hooks import ON_END
from karma_core.json_types import JsonObject
from karma_core.use_cases.orders.parameters import selection_from
from tasks.drift import check_drift


@flow(name="drift-check", flow_run_name="drift-check {environment}", persist_result=False, **ON_END)
def drift_check(
    project: str,
    environment: str,
    targets: list[str] | None = None,
    types: list[str] | None = None,
    exclude: list[str] | None = None,
    requested_by: str | None = None,
    source: str = "schedule",
    order: str | None = None,
) -> JsonObject:
    """Compare what was applied with the cloud and mark what has drifted; changes nothing else.

    Returns the contract's drift document.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        targets: Addresses or patterns, e.g. vpc/core or vpc/*; none: everything that is deployed.
        types: Component types, all of their components.
        exclude: Addresses or patterns that are left out.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    selection = selection_from({"targets": targets, "types": types, "exclude": exclude})
    result = check_drift(environment, workspace, selection)
    show_drift(workspace, result)
    show_graph(project, environment, status="drifted")
    return result.contract()
