"""Terraform states compared with what an applied record knows of them: lost, foreign, older or altered ones.

A state may go on without Karma: with the lineage that the record knows and a serial that is no lower it is
as good as the recorded one, and what differs in it is drift's business.
"""

from __future__ import annotations

from typing import Final

from karma_core.errors import Refused
from karma_core.model import Record
from karma_core.records import StateHeight

STATE_LOST: Final = "state-lost"
"""Code: the state is gone or empty although it had resources, or it is another one."""
STATE_OLDER: Final = "state-older"
"""Code: the state is one from before the last apply."""
STATE_ALTERED: Final = "state-altered"
"""Code: the state has the serial of the last apply and another content."""
STATE_CODES: Final = frozenset({STATE_LOST, STATE_OLDER, STATE_ALTERED})


class StateFault(Record, frozen=True, kw_only=True):
    """Why a state must not be relied on: a code and a sentence's end ("it is gone, …")."""

    code: str
    why: str


def compare(recorded: StateHeight, present: StateHeight | None, *, begun: bool = False) -> StateFault | None:
    """What is wrong with the present state of a component whose record has another height; None if nothing.

    `begun`: a run began to apply or destroy it after the record was written and has not said how that ended.
    Then a state that has come further may well be empty.
    """
    was = f"the last apply left serial {recorded.serial} with {_resources(recorded)}"
    if present is None:
        return StateFault(code=STATE_LOST, why=f"it is gone; {was}")
    if present.lineage != recorded.lineage:
        lineages = f"its lineage is {present.lineage or 'unknown'}, not {recorded.lineage}"
        return StateFault(code=STATE_LOST, why=f"it is another, foreign state: {lineages}; {was}")
    if present.serial < recorded.serial:
        return StateFault(code=STATE_OLDER, why=f"it is an older one, of serial {present.serial}; {was}")
    if recorded.resources and not present.resources and not (begun and present.serial > recorded.serial):
        return StateFault(code=STATE_LOST, why=f"it is empty; {was}")
    if recorded.digest and present.serial == recorded.serial and present.digest != recorded.digest:
        why = "it was damaged, or edited by hand: Terraform gives every content that it writes its own serial"
        return StateFault(code=STATE_ALTERED, why=f"{why}; {was}")
    return None


def state_refused(address: str, fault: StateFault) -> Refused:
    """The error of a component whose state has this fault."""
    return Refused(
        f"{fault.code}: the Terraform state of {address} is not the one that was applied",
        why=fault.why,
        next_step="restore the state, or, if what is there now is right, say so: "
        f"`karma doctor --accept state:{address}`",
        code=fault.code,
        component=address,
    )


def shown_height(height: StateHeight | None) -> str:
    """A height in words."""
    if height is None:
        return "none"
    return f"serial {height.serial}, {_resources(height)}, lineage {height.lineage or 'unknown'}"


def _resources(height: StateHeight) -> str:
    return f"{height.resources} resource{'' if height.resources == 1 else 's'}"
