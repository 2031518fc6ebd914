"""Freezes hold over midnight and across changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core import documents
from karma_core.policy.freeze import DAYS, Freeze

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland")
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda m: m.replace(year=2026, day=min(m.day, 28)))


def freeze(**fields: Any) -> Freeze:
    """A freeze of a document."""
    return documents.read(Freeze, {"reason": "night", **fields})


def test_a_night_is_one_freeze() -> None:
    """`days` name the day on which it starts."""
    night = freeze(days=["fri"], from_time="22:00", until_time="06:00", timezone="Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    for text, held in (
        ("2026-01-02T21:59", False),
        ("2026-01-02T22:00", True),
        ("2026-01-03T00:00", True),
        ("2026-01-03T05:59", True),
        ("2026-01-03T06:00", False),
        ("2026-01-03T23:00", False),
        ("2026-01-02T03:00", False),
    ):
        assert night.holds(datetime.fromisoformat(text).replace(tzinfo=berlin)) is held, text


def test_an_hour_that_comes_twice_is_frozen_twice() -> None:
    """The clocks go back at 03:00 on 25 October 2026: 02:00 to 02:59 comes twice."""
    window = freeze(days=["sun"], from_time="01:00", until_time="02:30", timezone="Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    for minute, fold, held in (
        (0, 0, True),
        (29, 0, True),
        (45, 0, True),
        (0, 1, True),
        (29, 1, True),
        (30, 1, False),
    ):
        moment = datetime(2026, 10, 25, 2, minute, tzinfo=berlin, fold=fold)
        assert window.holds(moment) is held, (minute, fold)


def test_a_freeze_that_begins_in_an_hour_that_is_left_out_holds() -> None:
    """The clocks go from 02:00 to 03:00 on 29 March 2026, and 02:30 is no time there."""
    window = freeze(days=["sun"], from_time="02:30", until_time="04:00", timezone="Europe/Berlin")
    assert window.holds(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert window.holds(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert not window.holds(datetime(2026, 3, 29, 2, 0, tzinfo=UTC))


@given(zone=st.sampled_from(ZONES), day=st.sampled_from(DAYS), start=CLOCKS, end=CLOCKS, moment=MOMENTS)
def test_it_is_the_union_of_its_minutes(zone: str, day: str, start: str, end: str, moment: datetime) -> None:
    """Every minute whose local time lies in the window is frozen; where no clock changes, no other is."""
    if start == end:
        return
    window = freeze(days=[day], from_time=start, until_time=end, timezone=zone)
    moment = moment.replace(second=0, microsecond=0)
    local = moment.astimezone(ZoneInfo(zone))
    clock, today = local.strftime("%H:%M"), DAYS[local.weekday()]
    yesterday = DAYS[(local.weekday() - 1) % 7]
    if start < end:
        inside = today == day and start <= clock < end
    else:
        inside = (today == day and clock >= start) or (yesterday == day and clock < end)
    if inside:
        assert window.holds(moment)
    else:
        around = [(moment + timedelta(hours=h)).astimezone(ZoneInfo(zone)).utcoffset() for h in (-30, 0, 30)]
        assert not window.holds(moment) or len(set(around)) > 1


CHANGES = (
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
)
"""Days on which clocks change, by an hour or by half an hour."""
QUARTERS = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


@given(change=st.sampled_from(CHANGES), shift=st.integers(-1, 1), start=QUARTERS, end=QUARTERS)
def test_it_has_no_hole_where_the_clocks_change(
    change: tuple[str, date], shift: int, start: str, end: str
) -> None:
    """One interval, that holds every local time of the window and at most an hour more on either side."""
    if start == end:
        return
    zone, day = change[0], change[1] + timedelta(days=shift)
    window = freeze(days=[DAYS[day.weekday()]], from_time=start, until_time=end, timezone=zone)
    first = datetime.combine(day, time.fromisoformat(start))
    last = datetime.combine(day + timedelta(days=end < start), time.fromisoformat(end))
    noon = datetime.combine(day, time(12), UTC)
    moments = [noon + timedelta(minutes=15 * quarter) for quarter in range(-288, 288)]
    holds = [window.holds(moment) for moment in moments]
    for moment, held in zip(moments, holds, strict=True):
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if first <= local < last:
            assert held
        elif not first - timedelta(hours=1) <= local < last + timedelta(hours=1):
            assert not held
    assert sum(now != before for before, now in pairwise(holds)) == 2  # it begins once and ends once


@pytest.mark.parametrize(
    "fields",
    [
        {"days": ["fri"], "from_time": "08:00", "until_time": "08:00"},
        {"days": ["fri"], "from_time": "24:00"},
        {"starts": "2026-01-02T00:00:00", "ends": "2026-01-02T00:00:00"},
        {"starts": "2026-01-03T00:00:00", "ends": "2026-01-02T00:00:00"},
    ],
)
def test_a_freeze_that_could_never_hold_is_refused(fields: dict[str, Any]) -> None:
    """Nobody would see that it protects nothing."""
    with pytest.raises(documents.Faults):
        freeze(**fields)


@pytest.mark.parametrize("zone", ZONES)
def test_a_freeze_for_ever_holds_in_every_zone(zone: str) -> None:
    """From the first to the last moment that can be written, though in UTC they may lie beyond both."""
    window = freeze(starts="0001-01-01T00:00:00", ends="9999-12-31T23:59:59", timezone=zone)
    assert window.holds(datetime(2026, 1, 2, tzinfo=UTC))
