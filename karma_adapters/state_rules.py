"""Errors that all state stores share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from karma_core.errors import Conflict, LeaseHeld, StaleLease
from karma_core.records import JournalEntry, Lease

_SHOWN: Final = 3
"""Held names in a message; the error's facts hold all."""


def system_clock() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def completes_apply(entry: JournalEntry) -> bool:
    """Whether the entry is of the kind that may exist once per address and generation."""
    return entry.step == "apply" and entry.status == "succeeded"


def applied_twice(entry: JournalEntry) -> Conflict:
    """Return the error for a second successful apply of a generation."""
    return Conflict(
        f"the apply of {entry.address} was not recorded as succeeded",
        why=f"generation {entry.generation} has a succeeded apply already",
        next_step="read the journal again: another run has completed this component",
        code="applied-twice",
        address=entry.address,
        generation=entry.generation,
    )


def lease_held(held: Sequence[Lease]) -> LeaseHeld:
    """Return the error for names that others hold; `held` has one Lease per name, by name."""
    details = [
        {"name": lease.names[0], "holder": lease.holder, "until": _shown_time(lease.expires_at)}
        for lease in held
    ]
    shown = "; ".join(f"{d['name']} by {d['holder']} until {d['until']}" for d in details[:_SHOWN])
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    return LeaseHeld(
        "another run holds what this one needs",
        why=shown + more,
        next_step="wait until it has finished, or end it",
        names=[lease.names[0] for lease in held],
        holder=held[0].holder,
        held=details,
    )


def lease_lost(lease: Lease) -> StaleLease:
    """Return the error for a lease that was taken over or has expired."""
    return StaleLease(
        f"the lease {lease.token} of {lease.holder} is lost",
        why="it expired and was taken over, or was given back",
        next_step="stop this run and resume it: it may no longer write",
        names=list(lease.names),
        fencing_token=lease.token,
    )


def document_moved(kind: str, document_id: str, expected: int, current: int) -> Conflict:
    """Return the error for a document that is not at the revision that the writer read."""
    return Conflict(
        f"{kind} {document_id} was not written",
        why=f"it is at revision {current}, not {expected}",
        next_step="read it again and repeat the change",
        code="document-moved",
        expected=expected,
        found=current,
    )


def _shown_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
