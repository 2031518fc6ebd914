"""Times and conditions of a reading."""

from __future__ import annotations

import pytest

from karma_core.errors import UsageError
from karma_log.filters import Filter, instant, is_instant, make_filter
from tests.make_events import make_event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", "2026-11-24T00:00:00.000000Z"),
        ("2026-11-24T06:00:00Z", "2026-11-24T06:00:00.000000Z"),
        ("2026-11-24T06:00:00.5Z", "2026-11-24T06:00:00.500000Z"),
        ("2026-11-24T06:00", "2026-11-24T06:00:00.000000Z"),
        ("2026-11-24T06:00:00+02:00", "2026-11-24T04:00:00.000000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_times_have_one_form(text: str, expected: str) -> None:
    """Every accepted form becomes UTC with microseconds, so that times compare as texts."""
    assert instant(text) == expected
    assert is_instant(expected)
    assert not is_instant(text) or text == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "\x00", "24.11.2026"]
)
def test_other_texts_are_refused(text: str) -> None:
    """UsageError `invalid-time`, also where a zone leads out of the calendar."""
    with pytest.raises(UsageError) as caught:
        make_filter(since=text)
    assert caught.value.code == "invalid-time"


@pytest.mark.parametrize("field", ["component", "action", "user", "run_id"])
def test_text_that_is_no_unicode_is_refused(field: str) -> None:
    """A command line may hold any bytes: UsageError before a store meets them."""
    with pytest.raises(UsageError) as caught:
        make_filter(**{field: "x\udcff"})
    assert caught.value.code == "invalid-text"


def test_a_bare_date_includes_its_day() -> None:
    """As `since` it is the first instant, as `until` the last."""
    query = make_filter(since="2026-11-24", until="2026-11-24")
    assert (query.since, query.until) == ("2026-11-24T00:00:00.000000Z", "2026-11-24T23:59:59.999999Z")


def test_all_conditions_must_hold() -> None:
    """An event matches the empty filter, and each condition can exclude it."""
    event = make_event(5, run_id="R1")
    assert Filter().matches(event)
    assert make_filter(component="vpc/core", action="terraform_*", user=event.user, run_id="R1").matches(
        event
    )
    for other in (
        {"component": "vpc/x"},
        {"action": "terraform"},
        {"action": "x*"},
        {"user": "bob"},
        {"run_id": "R2"},
        {"since": "2026-11-25"},
        {"until": "2026-11-23"},
    ):
        assert not make_filter(**other).matches(event)
