"""Rebuild an environment's graph as a Prefect flow: on a schedule, or after others published configs."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.artifacts import show_graph
from flows.deploy import open_for_flow
from flows.hooks import ON_END
from karma_core.errors import ValidationFailed
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from tasks.steps import build_graph, validate


@flow(name="graph-rebuild", flow_run_name="graph-rebuild {environment}", persist_result=False, **ON_END)
def graph_rebuild(
    project: str,
    environment: str,
    keep_going: bool = False,
    requested_by: str | None = None,
    source: str = "schedule",
    order: str | None = None,
) -> JsonObject:
    """Build the graph, publish what moved, and list the findings.

    The run fails where nothing was published because the graph has errors. Returns the contract's
    build document.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        keep_going: Publish although there are errors; invalid components keep their last good node.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    built = build_graph(environment, workspace, keep_going=keep_going)
    errors = validate(environment, built)
    create_table_artifact(
        [dict(to_builtins(finding)) for finding in built.findings],
        key=f"findings-{environment}",
        description=f"Build {built.build_id} of {environment}: {built.status}, {errors} errors",
    )
    if built.build_id:
        show_graph(project, environment, at=str(built.build_id))
    if errors and not keep_going:
        raise ValidationFailed(
            f"the graph of {environment} has {errors} errors",
            why=built.errors[0].message,
            next_step="correct the configs; `karma graph validate` lists all findings",
        )
    return built.contract()
