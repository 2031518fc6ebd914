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
    page = await visit.api.get("/log", limit=PAGE, after=visit.query.get("after", ""), **filters)
    template = "log_rows.html" if visit.partial and visit.query.get("after") else "log.html"
    return visit.page(template, events=page["items"], next=page["next"], filters=filters)


async def show(visit: Visit) -> Response:
    """Show one event, its causes, and the events known to have followed."""
    event = await visit.api.get(f"/log/{visit.path('event_id')}")
    causes: list[JsonObject] = []
    cause = event["cause"]
    while cause and len(causes) < MOST_CAUSES:
        cause_event = await part(visit, f"/log/{cause}")
        if cause_event is None:
            causes.append({"missing": cause})
            break
        causes.append(cause_event)
        cause = cause_event["cause"]
    followed = await _followers(visit, event)
    return visit.page("event.html", event=event, causes=causes, followed=followed)


async def verify(visit: Visit) -> Response:
    """The state of the chain, checked now."""
    return visit.page("log_verify.html", found=await visit.api.get("/log/verify"))


async def _followers(visit: Visit, event: JsonObject) -> list[JsonObject]:
    """Events that name this one as their cause, among the first ones after it."""
    after = str(event["seq"])
    page = await visit.api.get("/log", order="oldest", after=after, limit=500)
    return [follower for follower in page["items"] if follower["cause"] == event["id"]][:MOST_CAUSES]
