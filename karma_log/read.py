"""Reading the log: what happened to each component between two times, and export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from karma_core.model import Record
from karma_core.records import Event
from karma_log import chain
from karma_log.filters import instant, make_filter
from karma_log.sinks.base import Sink


class ComponentHistory(Record, frozen=True, kw_only=True):
    """The history of one component, or, with the empty address, of the environment itself.

    `before` is the first digest of the time, `after` the last; `actions` counts events by action, sorted.
    """

    component: str
    events: int
    first_at: str
    last_at: str
    first_status: str
    last_status: str
    before: str | None
    after: str | None
    actions: dict[str, int]
    users: tuple[str, ...]


class ChangeHistory(Record, frozen=True, kw_only=True):
    """The history of one change: its requester and cause, what it changed, its last state.

    `reason` is the requester's, `why` that of its last state; each empty where the time does not hold it.
    """

    change_id: str
    user: str
    reason: str
    components: tuple[str, ...]
    first_status: str
    last_status: str
    why: str


class LogDiff(Record, frozen=True, kw_only=True):
    """The events from `since` to `until`, both inclusive, by component; and the changes among them."""

    since: str
    until: str
    events: int
    components: tuple[ComponentHistory, ...]
    changes: tuple[ChangeHistory, ...] = ()


def diff(sink: Sink, one: str, other: str) -> LogDiff:
    """Return the history of each component between two times, in either order.

    Bare dates include their whole day. Cost: the events in between, held in memory.
    """
    earlier, later = sorted((one, other), key=instant)
    query = make_filter(since=earlier, until=later)
    by_component: dict[str, list[Event]] = {}
    by_change: dict[str, list[Event]] = {}
    for event in sink.read(query):
        by_component.setdefault(event.component or "", []).append(event)
        if event.action == "change" and event.change_id:
            by_change.setdefault(event.change_id, []).append(event)
    return LogDiff(
        since=query.since or "",
        until=query.until or "",
        events=sum(map(len, by_component.values())),
        components=tuple(_history(name, events) for name, events in sorted(by_component.items())),
        changes=tuple(_change(change_id, events) for change_id, events in sorted(by_change.items())),
    )


def export(events: Iterable[Event]) -> Iterator[bytes]:
    """The events as JSON Lines in canonical form, each with its newline: what a file sink would hold."""
    for event in events:
        yield chain.line(event) + b"\n"


def _history(component: str, events: list[Event]) -> ComponentHistory:
    """The summary of a component's events, which are in order and at least one."""
    first, last = events[0], events[-1]
    return ComponentHistory(
        component=component,
        events=len(events),
        first_at=first.timestamp,
        last_at=last.timestamp,
        first_status=first.status,
        last_status=last.status,
        before=next((event.before for event in events if event.before is not None), None),
        after=next((event.after for event in reversed(events) if event.after is not None), None),
        actions=dict(sorted(Counter(event.action for event in events).items())),
        users=tuple(sorted({event.user for event in events})),
    )


def _change(change_id: str, events: list[Event]) -> ChangeHistory:
    """The summary of a change's own events, which are in order and at least one."""
    first, last = events[0], events[-1]
    components = {str(address) for event in events for address in event.inputs.get("components", ())}
    return ChangeHistory(
        change_id=change_id,
        user=first.user,
        reason=str(first.inputs.get("reason", "")),
        components=tuple(sorted(components)),
        first_status=first.status,
        last_status=last.status,
        why=str(last.inputs.get("why", "")),
    )
