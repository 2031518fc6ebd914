"""The log: read by page, by event, verified, compared; and the artifacts that events name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from karma_api.access import Caller
from karma_api.names import Address, ArtifactKey, Id, Text
from karma_api.paging import Page, PageAsked, number, page
from karma_api.problems import TooManyRequests
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import to_builtins
from karma_core.records import Event
from karma_core.roles import Role
from karma_core.use_cases.audit.artifacts import show as show_artifact

BUSY_SECONDS = 5
Time = Annotated[str, Meta(max_length=40, description="A date or time, ISO 8601; UTC unless it says.")]


class LogAsked(PageAsked, frozen=True, kw_only=True):
    """Request for events; `action` may end in `*`, `with_artifacts` leaves out those that name none."""

    component: Address | None = None
    action: Text | None = None
    user: Text | None = None
    run: Id | None = None
    since: Time | None = None
    until: Time | None = None
    with_artifacts: bool = False
    order: Literal["newest", "oldest"] = "newest"


class EventAsked(Asked, frozen=True, kw_only=True):
    """One event."""

    event_id: Id


class EventShown(Answered, kw_only=True):
    """An event as it stands in the log."""

    id: str
    timestamp: str
    action: str
    environment: str
    user: str
    source: str
    status: str
    seq: int
    hash: str


class ArtifactAsked(Asked, frozen=True, kw_only=True):
    """One artifact."""

    key: ArtifactKey


class ArtifactShown(Answered, kw_only=True):
    """A masked plan, or what a publish wrote. `size` is in bytes; `content` is text."""

    key: str
    media_type: Literal["application/json", "text/plain"]
    size: int
    content: str


class VerifyShown(Answered, kw_only=True):
    """Whether the chain holds, in every sink."""

    verified: bool
    events: int
    problems: list[JsonObject]
    notes: list[str]


class LogDiffAsked(Asked, frozen=True, kw_only=True):
    """Two ends of a time, whichever is the earlier."""

    before: Time
    after: Time


class LogDiffShown(Answered, kw_only=True):
    """The history of each component."""

    since: str
    until: str
    events: int
    components: list[JsonObject]


def list_events(service: Service, _caller: Caller, asked: LogAsked) -> JsonObject:
    """A page of the events that match."""
    return page(_events(service, asked), asked.limit, cursor=_seq, show=to_builtins)


def _events(service: Service, asked: LogAsked) -> Iterator[Event]:
    """Yield the events after the cursor."""
    newest = asked.order == "newest"
    place = number(asked.after, default=0)
    events = service.log.events(
        component=asked.component,
        action=asked.action,
        user=asked.user,
        run_id=asked.run,
        since=asked.since,
        until=asked.until,
        after_seq=0 if newest else place,
        before_seq=place if newest and place else None,
        newest_first=newest,
    )
    return (event for event in events if event.artifacts) if asked.with_artifacts else iter(events)


def _seq(event: Event) -> str:
    return str(event.seq)


def show(service: Service, _caller: Caller, asked: EventAsked) -> JsonValue:
    """One event."""
    event = service.log.event(asked.event_id)
    if event is None:
        raise NotFound(f"there is no event {asked.event_id}", next_step="GET /log lists them")
    return to_builtins(event)


def artifact(service: Service, caller: Caller, asked: ArtifactAsked) -> JsonValue:
    """One artifact of the environment's own."""
    return to_builtins(show_artifact(service.acting(caller), asked.key))


def verify(service: Service, _caller: Caller, _asked: Asked) -> JsonObject:
    """Verify the hash chain of every sink; one caller at a time, for it reads the whole log."""
    if not service.verifying.acquire(blocking=False):
        raise TooManyRequests("the log is being verified", next_step="ask again", retry_after=BUSY_SECONDS)
    try:
        verification = service.log.verify()
    finally:
        service.verifying.release()
    problems, notes = to_builtins(verification.problems), list(verification.notes)
    return {**to_builtins(verification), "problems": problems, "notes": notes}


def diff(service: Service, _caller: Caller, asked: LogDiffAsked) -> JsonValue:
    """Return the history of each component between two times."""
    return to_builtins(service.log.diff(asked.before, asked.after))


ROUTES = (
    Route(
        name="artifact",
        method="GET",
        path="/artifacts",
        role=Role.VIEWER,
        handler=artifact,
        summary="An artifact that an event or a plan names",
        tag="log",
        asked=ArtifactAsked,
        answered=ArtifactShown,
        statuses=(409,),
    ),
    Route(
        name="log",
        method="GET",
        path="/log",
        role=Role.VIEWER,
        handler=list_events,
        summary="Events, newest first unless the order says otherwise",
        tag="log",
        asked=LogAsked,
        answered=Page,
    ),
    Route(
        name="log-verify",
        method="GET",
        path="/log/verify",
        role=Role.VIEWER,
        handler=verify,
        summary="Verify the log's hash chain",
        tag="log",
        answered=VerifyShown,
        costly=True,
    ),
    Route(
        name="log-diff",
        method="GET",
        path="/log/diff",
        role=Role.VIEWER,
        handler=diff,
        summary="What each component went through between two times",
        tag="log",
        asked=LogDiffAsked,
        answered=LogDiffShown,
        costly=True,
    ),
    Route(
        name="event",
        method="GET",
        path="/log/{event_id}",
        role=Role.VIEWER,
        handler=show,
        summary="One event",
        tag="log",
        asked=EventAsked,
        answered=EventShown,
    ),
)
