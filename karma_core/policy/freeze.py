"""Freezes: times in which nothing is applied."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from karma_core.documents import WHOLE, Document

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, Meta(pattern=rf"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00){WHOLE}")]


class Freeze(Document, frozen=True, kw_only=True):
    """A time without changes, in its own time zone: from one moment to another, or every week.

    `starts` and `ends` are local times without an offset. `days` with `from_time` and `until_time` (24:00 is
    the day's end) repeat weekly; where `until_time` is not later than `from_time`, the freeze ends on the
    next day, and `days` name the days on which it starts. Where the clocks change, a local time that exists
    twice or not at all counts so that the freeze is the longer one.
    """

    reason: str
    timezone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    from_time: Clock = "00:00"
    until_time: Clock = "24:00"

    def __post_init__(self) -> None:
        if (self.starts is None) != (self.ends is None) or (self.starts is None) == (not self.days):
            raise ValueError("give `starts` and `ends`, or `days`")
        if any(moment is not None and moment.tzinfo for moment in (self.starts, self.ends)):
            raise ValueError("`starts` and `ends` are local times: leave the offset out")
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise ValueError("`starts` must be before `ends`")
        if self.from_time in {self.until_time, "24:00"}:
            raise ValueError("`from_time` and `until_time` must be two times, the first of them before 24:00")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error

    def holds(self, now: datetime) -> bool:
        """Whether the freeze is in force at a moment (aware)."""
        if self.starts is not None and self.ends is not None:
            return self._earliest(self.starts) <= _since_epoch(now) < self._latest(self.ends)
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        # One that began yesterday may last until today; the clocks move a day's edge by hours at most.
        return any(self._holds_from(today + timedelta(days=shift), now) for shift in (-1, 0, 1))

    def _holds_from(self, day: date, now: datetime) -> bool:
        """Whether the moment lies in the freeze that starts on a day."""
        if DAYS[day.weekday()] not in self.days:
            return False
        last = day + timedelta(days=self.until_time <= self.from_time)
        starts, ends = _at(day, self.from_time), _at(last, self.until_time)
        return self._earliest(starts) <= _since_epoch(now) < self._latest(ends)

    def _earliest(self, local: datetime) -> timedelta:
        return min(self._instants(local))

    def _latest(self, local: datetime) -> timedelta:
        return max(self._instants(local))

    def _instants(self, local: datetime) -> tuple[timedelta, timedelta]:
        """The instants that a local time may mean: two where the clocks are put forward or back, else one."""
        zone = ZoneInfo(self.timezone)
        first, second = (_since_epoch(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
        return first, second


def _since_epoch(moment: datetime) -> timedelta:
    """The time from 1970 in UTC to an aware moment.

    It is a difference, because a datetime in UTC cannot hold the last day of the year 9999 ("for ever") of a
    zone west of Greenwich.
    """
    return moment.replace(tzinfo=None) - datetime(1970, 1, 1) - (moment.utcoffset() or timedelta())  # noqa: DTZ001


def _at(day: date, clock: str) -> datetime:
    if clock == "24:00":
        return datetime.combine(day + timedelta(days=1), time.min)
    return datetime.combine(day, time.fromisoformat(clock))
