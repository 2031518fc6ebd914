"""Events for tests of the log."""

from __future__ import annotations

from typing import Any

from karma_core.records import ChainHead, Event
from karma_log import chain


def make_event(number: int, **fields: Any) -> Event:
    """The event `E<number>`, at that second of a day; any field may be given."""
    second = number % 86_400
    known: dict[str, Any] = {
        "id": f"E{number:05d}",
        "timestamp": f"2026-11-24T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z",
        "action": "terraform_apply",
        "environment": "dev",
        "component": "vpc/core",
        "user": "ann@example.org",
        "source": "cli",
        "inputs": {"number": number},
        "status": "succeeded",
    }
    return Event(**(known | fields))


def make_chain(length: int) -> tuple[Event, ...]:
    """Linked events 1 to `length`."""
    return chain.link([make_event(number) for number in range(1, length + 1)], None)


def head_after(events: tuple[Event, ...], length: int) -> ChainHead | None:
    """The head after the first `length` of the events."""
    return chain.head_of(events[length - 1]) if length else None
