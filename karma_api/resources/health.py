"""Health of the process: liveness, readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

from karma_api.access import Caller
from karma_api.exchange import Reply
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.deadlines import Deadline
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.json_types import JsonObject
from karma_core.roles import Role

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's text format."""
READY_SECONDS: Final = 1.8
"""In which readiness is answered in every outage. Ours: probes wait 2 s, and some of it is the network's."""
LOOK_SECONDS: Final = 1.4
"""How long each store is waited for; they are asked at once."""


ALIVE: Final = {"status": "ok"}


class Health(Answered, kw_only=True):
    """`ok`, or `unavailable`."""

    status: str


class Readiness(Health, kw_only=True):
    """The checks: `ok`, or the code of the error."""

    checks: dict[str, str]


def live(_service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """The process answers, and the environment that is named can be opened."""
    return ALIVE


def ready(service: Service, _caller: Caller, _asked: Asked) -> Reply:
    """Whether every store answers, and whether runs can be ordered.

    Says which does not, and nothing of what is in them. All are asked at once; one that does not
    answer within LOOK_SECONDS is `store-unavailable`.
    """
    workspace = service.workspace
    looks = {
        "graph": lambda: workspace.graph.current(service.name),
        "log": lambda: next(iter(service.log.events(limit=1, newest_first=True)), None),
        "parameters": lambda: workspace.parameters.get(f"{workspace.prefix}/environment"),
        "state": workspace.state.chain_head,
        **service.checks,
    }
    begun = {name: service.looks.start(name, partial(_look, look)) for name, look in looks.items()}
    ends = Deadline.after(LOOK_SECONDS)
    checks = {name: _seen(look, ends) for name, look in begun.items()}
    well = all(status == "ok" for status in checks.values())
    document = {"status": "ok" if well else "unavailable", "checks": checks}
    return Reply(document=document, status=200 if well else 503)


def _look(look: Callable[[], object]) -> str:
    try:
        look()
    except KarmaError as error:
        return error.code
    return "ok"


def _seen(look: Future[str], ends: Deadline) -> str:
    try:
        return look.result(ends.left())
    except TimeoutError:
        return StoreUnavailable.code


def metrics(service: Service, _caller: Caller, _asked: Asked) -> Reply:
    """Counts and times of the process, for Prometheus."""
    return Reply(document=service.metrics(), media_type=METRICS_TYPE)


ROUTES = (
    Route(
        name="healthz",
        method="GET",
        path="/healthz",
        role=None,
        handler=live,
        without_environment=ALIVE,
        summary="The process lives",
        tag="process",
        answered=Health,
    ),
    Route(
        name="readyz",
        method="GET",
        path="/readyz",
        within=READY_SECONDS,
        role=None,
        handler=ready,
        summary="The stores answer",
        tag="process",
        answered=Readiness,
    ),
    Route(
        name="metrics",
        method="GET",
        path="/metrics",
        role=Role.VIEWER,
        handler=metrics,
        summary="Metrics for Prometheus",
        tag="process",
        media_type=METRICS_TYPE,
    ),
)
