"""Runs in threads of this process if no Prefect is configured, with the same use cases.

A run ends with the process: what was interrupted is taken up as after any crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import MappingProxyType
from typing import Final

from karma_core.changes.request import read_request
from karma_core.errors import KarmaError, NotFound
from karma_core.ids import shown
from karma_core.json_types import JsonMapping
from karma_core.needs import CarryingOut
from karma_core.use_cases.access.vouching import ordered_by
from karma_core.use_cases.changes.drain import carry_on, request_and_apply
from karma_core.use_cases.changes.push import take_up_push
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.orders.parameters import order_from, selection_from
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Actor, Workspace

LOGGER: Final = logging.getLogger("karma.runs")
AT_ONCE: Final = 4
"""Runs at once. Ours: disjoint changes go side by side; each has the environment's own parallelism."""

REQUEST: Final = frozenset(
    {
        "component", "proposed_change", "replace", "create", "remove", "changes",
        "base_version", "reason", "dry_run", "idempotency_key",
    }
)  # fmt: skip
"""Parameters of the flow `change-run` that are fields of the request document."""
Flow = Callable[[Workspace, JsonMapping], object]


class ThreadRuns:
    """`ports.RunStarter` over the workspaces of a process. Keys are remembered while it lives.

    `more` are flows beside those that need nothing but a workspace.
    """

    def __init__(
        self, workspaces: Callable[[str], Workspace], more: Mapping[str, Flow] = MappingProxyType({})
    ) -> None:
        self._workspaces = workspaces
        self._flows = {**FLOWS, **more}
        self._lock = Lock()
        self._started: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="karma-run")

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        """Start the flow in a thread; the id of the run that the key first started."""
        begin = self._flows.get(flow)
        if begin is None:
            known = ", ".join(sorted(self._flows))
            raise NotFound(f"there is no flow {shown(flow)}", next_step=f"start one of {known}")
        workspace = self._workspaces(str(parameters["environment"]))
        with self._lock:
            if idempotency_key in self._started:
                return self._started[idempotency_key]
            run_id = workspace.new_id()
            actor = _ordered_by(workspace, flow, parameters, run_id)
            self._started[idempotency_key] = run_id
        run = self._pool.submit(_run, begin, workspace.acting_as(actor), parameters)
        run.add_done_callback(_report)
        return run_id

    def close(self) -> None:
        """Wait until everything that was started has ended."""
        self._pool.shutdown(wait=True)


def _ordered_by(workspace: Workspace, flow: str, parameters: JsonMapping, run_id: str) -> Actor:
    """Return the actor who gave the order if it is vouched for, otherwise the stated requester."""
    said = Actor(user=str(parameters["requested_by"]), source=str(parameters["source"]))
    order = str(parameters.get("order") or "")
    return ordered_by(workspace.acting_as(said), order, flow, parameters, run_id)


def _run(begin: Flow, workspace: Workspace, parameters: JsonMapping) -> None:
    """Run the flow; its errors are in the journal, the change and the log, and are not raised here."""
    try:
        begin(workspace, parameters)
    except KarmaError as error:
        workspace.say("run_failed", error.document())


def _report(run: Future[None]) -> None:
    """Log the traceback of a defect, for the server's operator."""
    defect = run.exception()
    if defect is not None:
        LOGGER.error("a run ended in a defect", exc_info=defect)


def _run_order(order: Order, workspace: CarryingOut) -> RunResult:
    return carry_out(order, workspace, ThreadExecutor)


def _deploy(workspace: Workspace, parameters: JsonMapping) -> object:
    return _run_order(order_from("deploy", parameters), workspace)


def _change_run(workspace: Workspace, parameters: JsonMapping) -> object:
    change_id = parameters.get("change_id")
    if change_id is not None:
        return carry_on(workspace, change_id, _run_order)
    body = {name: parameters[name] for name in REQUEST & parameters.keys()}
    wanted = bool(parameters.get("apply_when_approved"))
    return request_and_apply(workspace, read_request(body), _run_order, wanted=wanted)


def _push_run(workspace: Workspace, parameters: JsonMapping) -> object:
    return take_up_push(
        workspace,
        parameters["addresses"],
        _run_order,
        commit=parameters["commit"],
        author=parameters["author"],
        message=parameters["message"],
    )


def _destroy(workspace: Workspace, parameters: JsonMapping) -> object:
    return _run_order(order_from("destroy", parameters), workspace)


def _graph_rebuild(workspace: Workspace, parameters: JsonMapping) -> object:
    return build_graph(workspace, keep_going=bool(parameters.get("keep_going")))


def _drift_check(workspace: Workspace, parameters: JsonMapping) -> object:
    return check_drift(workspace, selection_from(parameters))


FLOWS: Final[dict[str, Flow]] = {
    "change-run": _change_run,
    "deploy": _deploy,
    "destroy": _destroy,
    "drift-check": _drift_check,
    "graph-rebuild": _graph_rebuild,
    "push-run": _push_run,
}
