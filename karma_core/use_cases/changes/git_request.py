"""One change with every difference between Git's configs and the parameter store."""

from __future__ import annotations

from karma_core import strictjson
from karma_core.changes.record import Change
from karma_core.changes.request import read_request
from karma_core.errors import Refused
from karma_core.json_types import JsonObject
from karma_core.needs import CarryingOut
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.configs.comparison import Intent
from karma_core.use_cases.configs.publish import find_work


def request_from_git(
    workspace: CarryingOut,
    *,
    prune: bool = False,
    reason: str = "",
    proceed: bool = False,
    dry_run: bool = False,
) -> Change:
    """Request one change with everything that publishing would write, and with `prune` delete.

    It is judged whole, planned, approved where a rule asks for it, and deployed. Refused `nothing-to-publish`
    where Git and the store are the same; ValidationFailed as publishing.
    """
    work = find_work(workspace, prune=prune)
    parts = [_part(intent) for intent in work.comparison.intents]
    parts += [
        {"component": address, "remove": True, "base_version": stored.version}
        for address, stored in work.to_delete.items()
    ]
    if not parts:
        raise Refused(
            "there is nothing to publish",
            why="the parameter store holds what Git holds",
            next_step="`karma config diff` shows what differs, also what is ahead of Git",
            code="nothing-to-publish",
        )
    commit = workspace.repository.head()
    body = {
        "changes": parts,
        "reason": reason or f"published from Git{f', commit {commit[:12]}' if commit else ''}",
        "dry_run": dry_run,
    }
    return request(workspace, read_request(body), proceed=proceed)


def _part(intent: Intent) -> JsonObject:
    config = strictjson.parse_object(intent.value.encode(), where=intent.file.path)
    version = intent.stored.version if intent.stored else 0
    operation = "replace" if intent.stored else "create"
    return {"component": intent.address, operation: config, "base_version": version}
