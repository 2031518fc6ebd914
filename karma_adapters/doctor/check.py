"""One check of `karma doctor`."""

from __future__ import annotations

from karma_core.errors import KarmaError
from karma_core.model import Record


class Check(Record, frozen=True, kw_only=True):
    """A check and its result. `status`: ok, warning or failed; `next_step` says what to do."""

    name: str
    status: str
    found: str
    next_step: str = ""


def passed(name: str, finding: str) -> Check:
    """Return a check that passed."""
    return Check(name=name, status="ok", found=finding)


def warned(name: str, finding: str, next_step: str) -> Check:
    """Return a check that passed with a warning."""
    return Check(name=name, status="warning", found=finding, next_step=next_step)


def failed(name: str, error: KarmaError) -> Check:
    """Return a check that failed with the error."""
    return Check(
        name=name, status="failed", found=f"{error.what}. {error.why}".strip(), next_step=error.next_step
    )
