"""Run a flow from the command line: on the configured Prefect API, else on a server for this run alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flows.server import SETTINGS, temporary_server
from karma_adapters.prefect.discovery import find_api
from karma_adapters.wiring.settings import Settings
from karma_core.needs import CarryingOut
from karma_core.ports import Say
from karma_core.use_cases.access.identity import proven_if_possible
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.orders.parameters import parameters_of
from karma_core.use_cases.runs.records import Order, RunResult, read_result

SETTLE_SECONDS: Final = 10.0
"""How long to wait for Prefect to have recorded every task run before its server is stopped."""


def run_flow(order: Order, settings: Settings, workspace: CarryingOut, say: Say) -> RunResult:
    """Carry out an order as a flow run in this process; its error is raised as it was."""
    if workspace.actor.change_id is None:
        workspace = proven_if_possible(workspace)
    with _prefect(settings):
        from flows import deploy as flows  # noqa: PLC0415 - imports Prefect, after its settings are made

        flow = flows.destroy if order.kind == "destroy" else flows.deploy
        listening = flows.LISTENER.set(say)
        try:
            state: Any = flow(**_arguments(order, settings, workspace), return_state=True)
        finally:
            flows.LISTENER.reset(listening)
        _settle(state.state_details.flow_run_id)
        outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    return read_result(outcome)


def _arguments(order: Order, settings: Settings, workspace: CarryingOut) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "project": str(settings.root),
        "environment": workspace.name,
        "requested_by": workspace.actor.user,
        "source": workspace.actor.source,
        "change_id": workspace.actor.change_id,
        "cause": workspace.actor.cause,
    }
    arguments |= parameters_of(order)
    return vouch(workspace, "destroy" if order.kind == "destroy" else "deploy", arguments)


@contextmanager
def _prefect(settings: Settings) -> Iterator[None]:
    """Prefect ready to be imported: the configured server, else that of `karma up`, else one of our own."""
    api = find_api(settings)
    if api is not None and (_configured(settings) or api.answers()):
        given = {**SETTINGS, **api.variables()}
        os.environ.update({name: os.environ.get(name, value) for name, value in given.items()})
        yield
        return
    with temporary_server(settings.state_dir / "prefect"):
        yield


def _configured(settings: Settings) -> bool:
    """Whether somebody chose the API: then another is never taken in its place."""
    return bool(os.environ.get("PREFECT_API_URL") or settings.service.prefect_api_url)


def _settle(flow_run_id: Any) -> None:
    """Wait until the server has recorded an end for every task run of the flow run."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId  # noqa: PLC0415

    deadline = time.monotonic() + SETTLE_SECONDS
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            runs = client.read_task_runs(flow_run_filter=chosen)
            if all(run.state is not None and run.state.is_final() for run in runs):
                return
            time.sleep(0.1)
