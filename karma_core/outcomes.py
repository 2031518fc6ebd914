"""How steps, components and runs end. Each is also its text, in documents, stores and the log."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """How far a step or an action is, in the journal and in the log."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """A saved plan could not be applied, and nothing was done."""
    INTERRUPTED = "interrupted"
    DENIED = "denied"


class End(StrEnum):
    """How a component ended in a run."""

    APPLIED = "applied"
    RELOADED = "reloaded"
    DESTROYED = "destroyed"
    UNCHANGED = "unchanged"
    CUT_OFF = "cut_off"
    FAILED = "failed"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not_run"
    WAITING = "waiting"


class RunStatus(StrEnum):
    """How a run is: under way, or the worst that happened in it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"
    WAITING = "waiting"
    """It needs an approval and became a change."""
    DECLINED = "declined"
    """Somebody was asked and said no: nothing was applied."""
