"""A push to Git becomes a change: the configs that it touched, as they are in its commit, one set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from karma_core import ids, strictjson
from karma_core.changes.record import Change
from karma_core.changes.request import MAX_TEXT, read_request
from karma_core.changes.states import KIND, State
from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.needs import CarryingOut, GitComparison, HasState, PolicySource
from karma_core.outcomes import Phase
from karma_core.records import ConfigFile, Parameter
from karma_core.use_cases.changes.applying import RunOrder
from karma_core.use_cases.changes.drain import apply_and_drain
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs.differing import Diverged, Intent, Take
from karma_core.use_cases.configs.diverging import left_out, refuse_diverged
from karma_core.use_cases.configs.git_holds import GitNotes
from karma_core.use_cases.configs.stored_value import holds
from karma_core.use_cases.configs.three_sides import Known, change_of, decide, decide_only_stored
from karma_core.use_cases.configs.writing import removed_by_changes

ACTION: Final = "push"
"""The action in the log of a push that asks for nothing else than what is held."""


class Wanted(Record, frozen=True, kw_only=True):
    """One part of a request. `git` is what Git has, where the part has edits of a change besides."""

    address: str
    part: JsonObject
    git: str | None = None


def take_up_push(
    workspace: CarryingOut,
    addresses: Sequence[str],
    run: RunOrder,
    *,
    commit: str,
    author: str = "",
    message: str = "",
) -> Change | None:
    """Request the change that a push asks for, and apply it where no rule holds it; None where it asks none.

    What a change edited at the same place stays as it is, and the reason names it; Refused `diverged` where
    nothing else was pushed.

    The commit is the idempotency key: delivered twice, it is one change. BadInput where a config in the
    commit is no JSON object, NotFound `unknown-ref` where Git does not know the commit.
    """
    edit = [_wanted(workspace, address, commit) for address in sorted(addresses)]
    wanted = [one for one in edit if isinstance(one, Wanted)]
    held = tuple(one for one in edit if isinstance(one, Diverged))
    if not wanted:
        if held:
            diverged = [one.address for one in held]
            log_event(workspace, ACTION, Phase.FAILED, inputs={"commit": commit, "diverged": diverged})
            raise refuse_diverged(held)
        return None
    body = {
        "changes": [one.part for one in wanted],
        "reason": f"commit {commit} by {author or 'unknown'}{left_out(held)}: {message}"[:MAX_TEXT],
        "idempotency_key": f"push:{commit}",
    }
    change = request(workspace, read_request(body), proceed=True, key_says_all=True)
    git_holds.note_change(workspace, change.id, {one.address: one.git for one in wanted})
    if change.status is State.APPROVED:
        return apply_and_drain(workspace, change.id, run)
    return change


def _wanted(workspace: GitComparison, address: str, commit: str) -> Wanted | Diverged | None:
    """The part of the request about one component; None where the parameter store has what Git has."""
    ids.Address.parse(address)
    raw = workspace.repository.config_at(workspace.name, address, commit)
    return wanted_of(
        workspace, address, raw, where=f"{workspace.name}/{address} in commit {commit[:12]}", in_git=True
    )


def wanted_of(
    workspace: PolicySource, address: str, raw: bytes | None, *, where: str, in_git: bool = False
) -> Wanted | Diverged | None:
    """The part of a request that brings a file's edits (None: that it is gone) to a component's config.

    Edits of changes at other places stay. None where the parameter store has that already, which is noted if
    the file is `in_git` for good; BadInput, naming `where`, for what is no JSON object.
    """
    stored = workspace.parameters.get(workspace.config_parameter(address), decrypt=True)
    base = {"component": address, "base_version": stored.version if stored else 0}
    if raw is None:
        return _removal(workspace, address, stored, base)
    config, form = strictjson.parse_object_canonical(raw, where=where)
    if stored is not None and holds(stored, strictjson.bytes_digest(form)):
        if in_git and (change := change_of(stored)):
            git_holds.note(workspace, {address: git_holds.held_of(stored, None, change=change)})
        return None
    way = "replace" if stored else "create"
    if stored is not None and _is_pushed(workspace, stored):
        return Wanted(address=address, part={**base, way: config})
    file = ConfigFile(address=address, path=where, stamp="")
    removed = {} if stored else removed_by_changes(workspace)
    known = Known(notes=GitNotes(workspace), removed=removed)
    outcome = decide(workspace, file, (form.decode(), stored), known, Take())
    if isinstance(outcome, Intent):
        merged = strictjson.parse_object(outcome.value.encode(), where=where)
        return Wanted(address=address, part={**base, way: merged}, git=outcome.git)
    return outcome if isinstance(outcome, Diverged) else None


def _removal(
    workspace: PolicySource, address: str, stored: Parameter | None, base: JsonObject
) -> Wanted | Diverged | None:
    if stored is None:
        return None
    if _is_pushed(workspace, stored):
        outcome = None
    else:
        known = Known(notes=GitNotes(workspace), removed={})
        outcome = decide_only_stored(workspace, address, stored, known, Take())
    if outcome is None:
        return Wanted(address=address, part={**base, "remove": True}, git="")
    return outcome if isinstance(outcome, Diverged) else None


def _is_pushed(workspace: HasState, stored: Parameter) -> bool:
    """Whether an earlier version of Karma pushed the stored version: it noted that in the request alone."""
    change = change_of(stored)
    if change is None or git_holds.is_from_git(workspace, change):
        return False
    document = workspace.state.document(KIND, change)
    request_body = document.body.get("request", {}) if document else {}
    return str(request_body.get("idempotency_key", "")).startswith("push:")
