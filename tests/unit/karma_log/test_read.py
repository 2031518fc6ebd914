"""What components went through, and export."""

from __future__ import annotations

import pytest

from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.read import diff, export
from tests.make_events import make_chain, make_event
from tests.memory.sink import MemorySink


@pytest.fixture
def sink() -> MemorySink:
    """Two components over two days, and an event without a component."""
    events = [
        make_event(1, status="started", before="sha256:a"),
        make_event(2, component="alb/web", action="terraform_plan", user="bob"),
        make_event(3, status="failed", user="bob"),
        make_event(4, after="sha256:b", action="runtime_publish"),
        make_event(5, component=None, action="graph_build"),
        make_event(6, timestamp="2026-11-25T00:00:00.000000Z", after="sha256:c"),
    ]
    made = MemorySink()
    made.append(chain.link(events, None), None)
    return made


def test_diff_says_what_each_component_went_through(sink: MemorySink) -> None:
    """First and last status, first and last digest, counts by action, users, sorted by address."""
    summary = diff(sink, "2026-11-24", "2026-11-24")
    assert (summary.since, summary.until) == ("2026-11-24T00:00:00.000000Z", "2026-11-24T23:59:59.999999Z")
    assert summary.events == 5
    assert [part.component for part in summary.components] == ["", "alb/web", "vpc/core"]
    core = summary.components[2]
    assert (core.events, core.first_status, core.last_status) == (3, "started", "succeeded")
    assert (core.before, core.after) == ("sha256:a", "sha256:b")
    assert core.actions == {"runtime_publish": 1, "terraform_apply": 2}
    assert core.users == ("ann@example.org", "bob")
    assert (core.first_at, core.last_at) == ("2026-11-24T00:00:01.000000Z", "2026-11-24T00:00:04.000000Z")


def test_diff_takes_its_times_in_any_order(sink: MemorySink) -> None:
    """`--before` and `--after` read both ways; the earlier is the beginning."""
    one = diff(sink, "2026-11-24T00:00:03Z", "2026-11-25")
    assert one == diff(sink, "2026-11-25", "2026-11-24T00:00:03Z")
    assert one.events == 4
    assert one.components[-1].after == "sha256:c"
    assert diff(sink, "2026-11-20", "2026-11-21").components == ()


def test_an_export_verifies() -> None:
    """What is exported is JSON Lines that can be verified on their own."""
    events = make_chain(3)
    raw = b"".join(export(events))
    assert raw.count(b"\n") == 3
    stored = [StoredLine(raw=line, place="p") for line in raw.splitlines()]
    assert chain.verify_lines(stored, chain.head_of(events[-1])).verified
