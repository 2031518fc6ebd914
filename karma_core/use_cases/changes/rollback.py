"""Taking a change back: a new change with the old content, planned and shown first.

It restores configs, not module code or data.
"""

from __future__ import annotations

from typing import Any

from karma_core.changes.record import Change, Edit
from karma_core.changes.states import NEXT, State
from karma_core.errors import Refused
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.changes.register import Register
from karma_core.workspace import Workspace


def roll_back(
    workspace: Workspace,
    change_id: str,
    *,
    reason: str = "",
    include_later: bool = False,
    proceed: bool = False,
    dry_run: bool = False,
    plan_here: bool = True,
) -> Change:
    """Request the change that takes another back.

    Refused `nothing-written` where that one wrote no config, `later-versions` where its configs were written
    again since, unless `include_later` takes those versions back too.
    """
    original = Register(workspace).get(change_id).change
    if not original.written or State.ROLLED_BACK not in NEXT[original.status]:
        raise Refused(
            f"change {change_id} cannot be rolled back",
            why=f"it is {original.status} and none of its configs stand because of it",
            next_step="nothing has to be taken back",
            code="nothing-written",
        )
    later = [edit.address for edit in original.edits if _version(workspace, edit.address) != edit.written]
    if later and not include_later:
        raise Refused(
            f"change {change_id} cannot be rolled back alone",
            why=f"{', '.join(later)} has later versions",
            next_step="roll those changes back first, or include them with --include-later",
            code="later-versions",
            addresses=later,
        )
    body: dict[str, Any] = {
        "changes": [taken_back for e in original.edits if (taken_back := _reverse(workspace, e))],
        "requested_by": workspace.actor.user,
        "reason": reason or f"rollback of {change_id}",
        "dry_run": dry_run,
    }
    return request(workspace, body, proceed=proceed, rollback_of=change_id, plan_here=plan_here)


def _reverse(workspace: Workspace, edit: Edit) -> dict[str, Any] | None:
    """The part of a request that brings the config back to what it was; None where it is that already."""
    now = _version(workspace, edit.address)
    base = {"component": edit.address, "base_version": now}
    if edit.before is None:
        return {**base, "remove": True} if now else None
    return {**base, ("replace" if now else "create"): edit.before}


def _version(workspace: Workspace, address: str) -> int:
    stored = workspace.parameters.get(workspace.config_parameter(address))
    return stored.version if stored else 0
