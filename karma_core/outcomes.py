"""Outcomes of steps, components and runs. Each equals its text in documents, stores and the log."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The phase of a step or an action, in the journal and in the log."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """A saved plan could not be applied, and nothing was done."""
    INTERRUPTED = "interrupted"
    DENIED = "denied"


class End(StrEnum):
    """The outcome of a component in a run."""

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
    """The status of a run: running, or the worst outcome in it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"
    WAITING = "waiting"
    """The run needs an approval and became a change."""
    DECLINED = "declined"
    """The user declined at the prompt; nothing was applied."""
