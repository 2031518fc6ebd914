"""The log: a timeline with filters, one event with its causes, and whether the chain holds."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from karma_core.json_types import JsonObject
from karma_ui.pages.component import part
from karma_ui.visit import Visit

PAGE: Final = 50
FILTERS: Final = ("component", "action", "user", "run", "since", "until")
MOST_CAUSES: Final = 50


async def index(visit: Visit) -> Response:
    """Events, newest first; with htmx, the next page's rows alone."""
    filters = {name: visit.query.get(name, "") for name in FILTERS}
    found = await visit.api.get("/log", limit=PAGE, after=visit.query.get("after", ""), **filters)
    template = "log_rows.html" if visit.partial and visit.query.get("after") else "log.html"
    return visit.page(template, events=found["items"], next=found["next"], filters=filters)


async def show(visit: Visit) -> Response:
    """One event, what led to it, and what is known to have followed."""
    event = await visit.api.get(f"/log/{visit.path('event_id')}")
    causes: list[JsonObject] = []
    cause = event["cause"]
    while cause and len(causes) < MOST_CAUSES:
        found = await part(visit, f"/log/{cause}")
        if found is None:
            causes.append({"missing": cause})
            break
        causes.append(found)
        cause = found["cause"]
    followed = await _followers(visit, event)
    return visit.page("event.html", event=event, causes=causes, followed=followed)


async def verify(visit: Visit) -> Response:
    """The state of the chain, checked now."""
    return visit.page("log_verify.html", found=await visit.api.get("/log/verify"))


async def _followers(visit: Visit, event: JsonObject) -> list[JsonObject]:
    """Events that name this one as their cause, among the first ones after it."""
    after = str(event["seq"])
    page = await visit.api.get("/log", order="oldest", after=after, limit=500)
    return [found for found in page["items"] if found["cause"] == event["id"]][:MOST_CAUSES]
