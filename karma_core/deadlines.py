"""Deadlines: until when an answer is waited for, handed down from the caller to whatever waits for it.

A caller with little time (a probe, a function that its platform ends) says so once, by `ends_within`; every
deadline that is made inside is no later. Threads that are started inside need the context of their starter
(`contextvars.copy_context`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_end: ContextVar[float] = ContextVar("karma_deadline", default=math.inf)


@dataclass(frozen=True, order=True)
class Deadline:
    """A moment by `time.monotonic`, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now, or the caller's own end where that is earlier."""
        return cls(min(time.monotonic() + seconds, _end.get()))

    def within(self, seconds: float) -> Deadline:
        """The earlier of this one and so many seconds from now."""
        return Deadline(min(self.at, time.monotonic() + seconds))

    def left(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self.at - time.monotonic())


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Let no deadline that is made inside be later than so many seconds from now."""
    before = _end.set(Deadline.after(seconds).at)
    try:
        yield
    finally:
        _end.reset(before)
