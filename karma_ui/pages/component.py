"""The page of a component: its config, its runtime, and its surroundings in the graph."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from karma_core.json_difference import Difference, differences
from karma_core.json_types import JsonValue
from karma_ui.api import NOT_FOUND, Problem
from karma_ui.visit import Visit

MOST_LINES: Final = 15
RUNTIME: Final = "runtime_publish"
"""Action of the events that say which keys of a runtime changed."""
REFUSED: Final = frozenset({NOT_FOUND, 409, 422})
"""What the API says where there is nothing to show of one part: the page stands without it."""


async def show(visit: Visit) -> Response:
    """The page. The query's `version` of the config, or `runtime`, is compared with that of now."""
    kind, nickname = visit.path("type"), visit.path("nickname")
    address = f"{kind}/{nickname}"
    api = visit.api
    component = await api.get(f"/components/{kind}/{nickname}")
    config, older, compared = await _versions(visit, "config", address, visit.query.get("version", ""))
    runtime, runtime_older, runtime_compared = await _versions(
        visit, "runtime", address, visit.query.get("runtime", "")
    )
    drift = (await api.get("/drift"))["components"]
    changes = (await api.get("/changes", limit=200))["items"]
    events = (await api.get("/log", component=address, limit=MOST_LINES))["items"]
    publications = await api.get("/log", component=address, action=RUNTIME, limit=MOST_LINES)
    why = await part(visit, "/why", component=address)
    return visit.page(
        "component.html",
        address=address,
        component=component,
        config=config,
        older=older,
        compared=compared,
        runtime=runtime,
        runtime_older=runtime_older,
        runtime_compared=runtime_compared,
        drift=(drifted := next((d for d in drift if d["address"] == address), None)),
        drift_age=age(drifted["checked_at"]) if drifted else None,
        changes=[c for c in changes if address in c["components"]][:MOST_LINES],
        events=events,
        publications=publications["items"],
        runs=list(dict.fromkeys(e["run_id"] for e in events if e["run_id"])),
        steps=why["steps"] if why else [],
        definition=await part(visit, f"/types/{kind}"),
    )


async def _versions(
    visit: Visit, name: str, address: str, version: str
) -> tuple[JsonValue, JsonValue, tuple[Difference, ...]]:
    """(config or runtime as it is, None where there is none; the version that is asked for; what differs)."""
    current = await part(visit, f"/{name}/{address}")
    if not version or current is None:
        return current, None, ()
    older = await visit.api.get(f"/{name}/{address}", version=version)
    return current, older, differences(older[name], current[name])


def age(moment: str) -> float:
    """Seconds since an ISO 8601 time; never less than none, whatever the clocks say."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


async def part(visit: Visit, path: str, **query: object) -> JsonValue:
    """Read a resource that a page can do without; None if the API has none."""
    try:
        return await visit.api.get(path, **query)
    except Problem as problem:
        if problem.status not in REFUSED:
            raise
        return None
