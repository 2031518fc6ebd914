"""One check of `karma doctor`."""

from __future__ import annotations

from karma_core.errors import KarmaError
from karma_core.model import Record


class Check(Record, frozen=True, kw_only=True):
    """What was looked at and found. `status`: ok, warning or failed; `next_step` says what to do."""

    name: str
    status: str
    found: str
    next_step: str = ""


def passed(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name=name, status="ok", found=found)


def warned(name: str, found: str, next_step: str) -> Check:
    """It works, but."""
    return Check(name=name, status="warning", found=found, next_step=next_step)


def failed(name: str, error: KarmaError) -> Check:
    """The error as a check."""
    return Check(
        name=name, status="failed", found=f"{error.what}. {error.why}".strip(), next_step=error.next_step
    )
