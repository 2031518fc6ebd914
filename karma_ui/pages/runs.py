"""Pages of runs: the list, and one run with its progress."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from karma_core.json_types import JsonObject, JsonValue
from karma_ui.journal import critical_path, progress
from karma_ui.pages.graph import graph_of
from karma_ui.view import View
from karma_ui.visit import Visit

PAGE: Final = 50
MOST_EVENTS: Final = 500
MOST_PAGES: Final = 20
"""Pages of events that one run's page is made from: 10,000 events."""


async def index(visit: Visit) -> Response:
    """Runs, newest first."""
    page = await visit.api.get("/runs", limit=PAGE, after=visit.query.get("after", ""))
    return visit.page("runs.html", runs=page["items"], next=page["next"])


async def show(visit: Visit) -> Response:
    """One run: progress by component, the critical path, what it left."""
    run = await visit.api.get(f"/runs/{visit.path('run_id')}")
    events = await _events(visit, run["id"])
    lines = progress(events)
    graph = await graph_of(visit, View())
    started = next((e for e in events if e["action"] in {"deploy", "destroy"}), None)
    flow_run = started["inputs"].get("flow_run") if started else None
    planned = _count(started["inputs"].get("components")) if started else 0
    outcome = next((e["inputs"].get("components") for e in reversed(events) if e["component"] is None), None)
    return visit.page(
        "run.html",
        run=run,
        lines=lines,
        planned=max(planned, len(lines)),
        outcome=outcome if isinstance(outcome, dict) else {},
        path=critical_path(lines, graph.producers),
        change_id=next((e["change_id"] for e in events if e["change_id"]), None),
        prefect=f"{visit.context.prefect_url}/runs/flow-run/{flow_run}"
        if flow_run and visit.context.prefect_url
        else "",
    )


def _count(components: JsonValue) -> int:
    """How many components a run began with: a deploy's first event counts them, a destroy's lists them."""
    if isinstance(components, list):
        return len(components)
    return components if isinstance(components, int) else 0


async def _events(visit: Visit, run_id: str) -> list[JsonObject]:
    events: list[JsonObject] = []
    after = ""
    for _ in range(MOST_PAGES):
        page = await visit.api.get("/log", run=run_id, order="oldest", limit=MOST_EVENTS, after=after)
        events += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    return events
