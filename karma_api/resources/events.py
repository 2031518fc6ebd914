"""Events: one from outside into the log, and the log as a stream of server-sent events.

An event's number in the log is its id in the stream, so that a client that comes back with `Last-Event-ID`
goes on where it was, whichever process answers. The format is that of the HTML standard, 9.2.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from karma_api.access import Caller
from karma_api.exchange import Reply, encode
from karma_api.names import Address
from karma_api.paging import number
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core.documents import WHOLE, Document
from karma_core.errors import UsageError
from karma_core.events import event_of
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.records import Event
from karma_core.roles import Role
from karma_core.strictjson import canonical
from karma_log.filters import instant

MEDIA_TYPE: Final = "text/event-stream"
AT_ONCE: Final = 500
"""Most events of one reading of the log."""
RETRY_MS: Final = 2000
"""How long a client waits before it comes back."""
MOST_METADATA: Final = 16_384
"""Largest metadata, in bytes of JSON. Ours: twice the largest parameter."""
OUTSIDE: Final = "external:"
"""Before the type of an outside event, so that none can pass for one of Karma's own."""

Topic = Literal["graph", "change", "run", "log"]
_TOPICS: Final[dict[str, Topic]] = {
    "change": "change",
    "config_publish": "graph",
    "graph_build": "graph",
    "access": "log",
    "token_create": "log",
    "token_revoke": "log",
}


class OutsideEvent(Document, frozen=True, kw_only=True):
    """Something that happened elsewhere."""

    type: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,62}" + WHOLE)]
    timestamp: Annotated[str, Meta(max_length=40)]
    metadata: JsonObject = {}
    component: Address | None = None

    def __post_init__(self) -> None:
        try:
            instant(self.timestamp)
        except UsageError as error:
            raise ValueError(f"timestamp: {error.what}") from error
        if len(canonical(self.metadata)) > MOST_METADATA:
            raise ValueError(f"metadata has more than {MOST_METADATA:,} bytes")


class EventGiven(Asked, frozen=True, kw_only=True):
    """An outside event."""

    body: OutsideEvent


class EventKept(Answered, kw_only=True):
    """The stored event's place in the log."""

    id: str
    seq: int


class StreamAsked(Asked, frozen=True, kw_only=True):
    """Request for events of a topic or a component, after the number `after` (default: from now on)."""

    topic: Topic | None = None
    component: Address | None = None
    after: Annotated[str, Meta(max_length=20)] | None = None


def take_in(service: Service, caller: Caller, asked: EventGiven) -> JsonObject:
    """Put an outside event into the log."""
    given = asked.body
    workspace = service.acting(caller)
    inputs = {"type": given.type, "timestamp": instant(given.timestamp), "metadata": given.metadata}
    event = event_of(workspace, OUTSIDE + given.type, "recorded", given.component, inputs=inputs)
    kept = workspace.log.append(event)
    return {"id": kept.id, "seq": kept.seq, "action": kept.action, "hash": kept.hash}


def stream(service: Service, _caller: Caller, asked: StreamAsked) -> Reply:
    """The events that there are, as one finished stream; the client comes back for more.

    A server that can hold a connection open goes on from there: `karma_api.streaming`.
    """
    frames, _ = frames_after(service, asked, first(service, asked))
    return Reply(document=opening() + frames, media_type=MEDIA_TYPE)


def first(service: Service, asked: StreamAsked) -> int:
    """The number behind which the stream begins: at most the newest, so that what comes next is sent.

    A number beyond it is of a log that is no longer here.
    """
    head = newest(service)
    return min(number(asked.after, default=head), head)


def newest(service: Service) -> int:
    """The number of the newest event. One cheap read."""
    head = service.workspace.state.chain_head()
    return head.seq if head is not None else 0


def opening() -> bytes:
    """Return the first bytes of a stream."""
    return f"retry: {RETRY_MS}\n\n".encode()


def frames_after(service: Service, asked: StreamAsked, seq: int) -> tuple[bytes, int]:
    """(the next events behind a number that match, the number up to which the log was read)."""
    frames = []
    for event in service.log.events(after_seq=seq, limit=AT_ONCE):
        seq = event.seq
        topic = topic_of(event)
        if asked.topic in {None, topic} and asked.component in {None, event.component}:
            frames.append(
                b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, topic.encode(), encode(to_builtins(event)))
            )
    return b"".join(frames), seq


def topic_of(event: Event) -> Topic:
    """Return the topic of an event: the graph, a change, a run, or only the log."""
    if event.action.startswith(OUTSIDE):
        return "log"
    return _TOPICS.get(event.action, "run")


ROUTES = (
    Route(
        name="event-give",
        method="POST",
        path="/events",
        role=Role.OPERATOR,
        handler=take_in,
        summary="Put an outside event into the log",
        tag="events",
        asked=EventGiven,
        answered=EventKept,
        status=201,
        statuses=(422,),
    ),
    Route(
        name="events",
        method="GET",
        path="/events",
        role=Role.VIEWER,
        handler=stream,
        summary="Events as they come (server-sent events)",
        tag="events",
        asked=StreamAsked,
        media_type=MEDIA_TYPE,
        streams=True,
    ),
)
