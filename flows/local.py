"""Run a flow from the command line: on the configured Prefect API, else on a server for this run alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec.structs import replace

from flows.lost_server import is_prefects
from flows.server import SETTINGS, temporary_server
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.discovery import find_api
from karma_adapters.wiring.settings import Settings
from karma_core.errors import KarmaError
from karma_core.json_types import JsonObject
from karma_core.needs import CarryingOut
from karma_core.ports import Say
from karma_core.use_cases.access.identity import proven_if_possible
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.orders.parameters import parameters_of
from karma_core.use_cases.runs.records import Order, RunResult, read_result

SETTLE_SECONDS: Final = 10.0
"""How long to wait for Prefect to have recorded every task run before its server is stopped."""

PATIENCE: Final = {
    "PREFECT_API_REQUEST_TIMEOUT": "15",
    "PREFECT_CLIENT_MAX_RETRIES": "3",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}
"""For a server that others run: one that stops to answer is given up within two minutes (ours), and what
Prefect's own threads say of it, with tracebacks, does not reach the terminal: the command says it once."""


def run_flow(order: Order, settings: Settings, workspace: CarryingOut, say: Say) -> RunResult:
    """Carry out an order as a flow run in this process; its error is raised as it was."""
    if workspace.actor.change_id is None:
        workspace = proven_if_possible(workspace)
    with _prefect(settings):
        from flows import deploy as flows  # noqa: PLC0415 - imports Prefect, after its settings are made

        flow = flows.destroy if order.kind == "destroy" else flows.deploy
        listening, outcome = flows.LISTENER.set(say), list[JsonObject]()
        keeping = flows.OUTCOME.set(outcome)
        try:
            result = _result_of(flow, _arguments(order, settings, workspace))
        except KarmaError:
            raise
        except Exception as error:  # whatever Prefect raises where its server does not answer
            return _without_prefect(error, outcome, settings)
        finally:
            flows.LISTENER.reset(listening)
            flows.OUTCOME.reset(keeping)
    return read_result(result)


def _result_of(flow: Any, arguments: dict[str, Any]) -> JsonObject:
    """Run the flow; what it raised is raised as it was."""
    state: Any = flow(**arguments, return_state=True)
    _settle(state.state_details.flow_run_id)
    result: JsonObject | BaseException = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result


def _without_prefect(error: Exception, outcome: list[JsonObject], settings: Settings) -> RunResult:
    """What the run itself recorded stands, although Prefect could not; without it StoreUnavailable `prefect`.

    An error that is not Prefect's is a defect, and raised as it is.
    """
    if not is_prefects(error):
        raise error
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if not outcome:
        api = find_api(settings)
        raise (api or PrefectApi(os.environ.get("PREFECT_API_URL", ""))).unavailable(said) from error
    result = read_result(outcome[0])
    warning = f"Prefect did not record the end of this run ({said}); Karma's own log has it"
    return replace(result, warnings=(*result.warnings, warning))


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
        api.require_answer()
        given = {**SETTINGS, **PATIENCE, **api.variables()}
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
