"""A push to Git as a Prefect flow: started by the webhook, one change of all configs that it touched."""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_page
from flows.change_run import run_order
from flows.deploy import RUNNER, open_for_flow
from flows.hooks import ON_END
from flows.limits import place
from karma_core.json_types import JsonObject
from karma_core.use_cases.changes.push import take_up_push
from karma_core.use_cases.changes.reading import result_of


@flow(name="push-run", flow_run_name="push {environment}", persist_result=False, task_runner=RUNNER, **ON_END)
def push_run(
    project: str,
    environment: str,
    addresses: list[str],
    commit: str,
    author: str = "",
    message: str = "",
    requested_by: str | None = None,
    source: str = "webhook",
    order: str | None = None,
) -> JsonObject | None:
    """Request the change that a push asks for, and apply it where no rule holds it.

    The project is a clone that has the commit or can fetch it. Returns the result document; None where the
    parameter store has what Git has.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        addresses: Components whose config files the push touched, e.g. vpc/core.
        commit: Where they are read.
        author: Who wrote the commit.
        message: What the commit says.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    with place("change", environment):
        change = take_up_push(workspace, addresses, run_order, commit=commit, author=author, message=message)
    if change is None:
        return None
    show_page(project, environment, "changes", change.id)
    return result_of(workspace, change)
