"""A caller who is denied access: the event `denied` in the log, and the error to raise."""

from __future__ import annotations

from typing import Final

from karma_core.errors import KarmaError, Refused
from karma_core.events import log_event
from karma_core.json_types import JsonValue
from karma_core.needs import HasLog
from karma_core.outcomes import Phase

NOBODY: Final = "nobody"
"""The user of events about somebody who could not say who they are."""


def denied(
    workspace: HasLog,
    code: str,
    what: str,
    why: str,
    next_step: str,
    *,
    user: str = "",
    **inputs: JsonValue,
) -> KarmaError:
    """Log that access was denied and return the error to raise: a Refused with the code."""
    log_event(
        workspace,
        "access",
        Phase.DENIED,
        user=user or workspace.actor.user,
        inputs={"code": code, "why": why, **inputs},
    )
    return Refused(what, why=why, next_step=next_step, code=code)
