"""Filters on events, and the one form of time in which they are compared."""

from __future__ import annotations

from datetime import UTC, datetime, time

from karma_core.errors import UsageError
from karma_core.ids import shown
from karma_core.model import Record
from karma_core.records import Event

_INSTANT_LENGTH = len("2026-01-31T00:00:00.000000Z")
_DATE_LENGTH = len("2026-01-31")


class Filter(Record, frozen=True, kw_only=True):
    """Conditions that all must hold; None sets none. Make it with `make_filter`, which checks the times.

    `action` may end in `*` (a prefix). `since` and `until` are inclusive.
    """

    component: str | None = None
    action: str | None = None
    user: str | None = None
    run_id: str | None = None
    since: str | None = None
    until: str | None = None

    def matches(self, event: Event) -> bool:
        """Whether the event meets every condition."""
        return (
            (self.component is None or event.component == self.component)
            and (self.action is None or self._action_matches(event.action))
            and (self.user is None or event.user == self.user)
            and (self.run_id is None or event.run_id == self.run_id)
            and (self.since is None or event.timestamp >= self.since)
            and (self.until is None or event.timestamp <= self.until)
        )

    def _action_matches(self, action: str) -> bool:
        wanted = self.action or ""
        return action.startswith(wanted[:-1]) if wanted.endswith("*") else action == wanted


EVERYTHING = Filter()


def make_filter(
    *,
    component: str | None = None,
    action: str | None = None,
    user: str | None = None,
    run_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Filter:
    """The filter, its times in one form. A bare date means its first instant in `since`, its last in `until`.

    UsageError `invalid-time` for what is no ISO 8601 time, `invalid-text` for what is no Unicode.
    """
    for text in (component, action, user, run_id):
        check_text(text or "")
    return Filter(
        component=component,
        action=action,
        user=user,
        run_id=run_id,
        since=instant(since) if since is not None else None,
        until=instant(until, end_of_day=True) if until is not None else None,
    )


def instant(text: str, *, end_of_day: bool = False) -> str:
    """An ISO 8601 time in UTC with microseconds and a Z, which compares as text; without a zone it is UTC.

    A bare date is its first instant, or its last with `end_of_day`. UsageError `invalid-time` otherwise.
    """
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == _DATE_LENGTH and end_of_day:
            moment = datetime.combine(moment, time.max)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError) as error:
        raise UsageError(
            f"{shown(text)!r} is not a time",
            why="a time is ISO 8601, in UTC unless it names a zone",
            next_step="write it like 2026-01-31 or 2026-01-31T12:00:00Z",
            code="invalid-time",
        ) from error
    # Not strftime: it does not pad years below 1000 everywhere.
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def check_text(text: str) -> str:
    """The text; UsageError `invalid-text` where it has no UTF-8 form (odd bytes of a command line)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{shown(text)!r} is not valid Unicode",
            why="it holds half of a surrogate pair",
            next_step="write it in UTF-8",
            code="invalid-text",
        ) from error
    return text


def is_instant(text: str) -> bool:
    """Whether text already has the form that `instant` gives (its length and its Z; it is not parsed)."""
    return len(text) == _INSTANT_LENGTH and text.endswith("Z")
