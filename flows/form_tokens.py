"""Tokens given to the form `approve-change`: taken out of Prefect's database, however the run ends.

A run takes its own token out before it does anything else. One that never comes so far (its worker dies, it
is cancelled while it waits, nobody takes it) has its token taken out when it ends, or by the reconciler.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flows import Flow
from prefect.runtime import flow_run

FLOW: Final = "approve-change"
TOKEN: Final = "token"  # noqa: S105 - the parameter's name
USED: Final = "(used)"
WAITS: Final = timedelta(minutes=15)
"""How long a run that nobody takes may keep its token. Ours: somebody looks at the form's page meanwhile."""
MOST_LOOKED_AT: Final = 200
"""Newest runs of the form that are looked at: Prefect's largest page, a good deal more than in 5 minutes."""


def forget_own() -> None:
    """Overwrite the token where Prefect keeps the parameters of the run that is going on, if one is."""
    run_id = flow_run.get_id()
    if run_id is not None:
        with get_client(sync_client=True) as client:
            _forget(client, client.read_flow_run(UUID(run_id)))


def forget_at_end(_flow: Flow[..., Any], run: FlowRun, _state: State) -> None:
    """Overwrite the token of a run that ended, as a hook of Prefect's."""
    with get_client(sync_client=True) as client:
        _forget(client, run)


def forget_left(now: datetime | None = None) -> int:
    """Overwrite the tokens of runs that ended or that nobody took in time, and return how many."""
    late = (now or datetime.now(UTC)) - WAITS
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=MOST_LOOKED_AT,
        )
        left = [run for run in runs if _holds_token(run) and _is_over(run, late)]
        for run in left:
            _forget(client, run)
    return len(left)


def _is_over(run: FlowRun, late: datetime) -> bool:
    ended = run.state is not None and run.state.is_final()
    return ended or run.created is None or run.created < late


def _holds_token(run: FlowRun) -> bool:
    given = run.parameters.get(TOKEN)
    return isinstance(given, str) and given.strip() != USED


def _forget(client: SyncPrefectClient, run: FlowRun) -> None:
    """Write another text of the same length over the token, so that it takes its place in the database."""
    if not _holds_token(run):
        return
    parameters = {**run.parameters, TOKEN: USED.ljust(len(run.parameters[TOKEN]))}
    client.request("PATCH", "/flow_runs/{id}", path_params={"id": run.id}, json={"parameters": parameters})
