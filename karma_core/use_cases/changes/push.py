"""A push to Git becomes a change: the configs that it touched, as they are in its commit, one set."""

from __future__ import annotations

from collections.abc import Sequence

from karma_core import ids, strictjson
from karma_core.changes.record import Change
from karma_core.changes.request import MAX_TEXT, read_request
from karma_core.changes.states import State
from karma_core.json_types import JsonObject, JsonValue
from karma_core.needs import CarryingOut, GitComparison, HasParameters
from karma_core.use_cases.changes.applying import RunOrder
from karma_core.use_cases.changes.drain import apply_and_drain
from karma_core.use_cases.changes.intake import request


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

    The commit is the idempotency key: delivered twice, it is one change. BadInput where a config in the
    commit is no JSON object, NotFound `unknown-ref` where Git does not know the commit.
    """
    wanted = [edit for address in sorted(addresses) if (edit := _wanted(workspace, address, commit))]
    if not wanted:
        return None
    body = {
        "changes": wanted,
        "reason": f"commit {commit} by {author or 'unknown'}: {message}"[:MAX_TEXT],
        "idempotency_key": f"push:{commit}",
    }
    change = request(workspace, read_request(body), proceed=True, key_says_all=True)
    if change.status is State.APPROVED:
        return apply_and_drain(workspace, change.id, run)
    return change


def _wanted(workspace: GitComparison, address: str, commit: str) -> JsonObject | None:
    """The part of the request about one component; None where the parameter store has what Git has."""
    ids.Address.parse(address)
    raw = workspace.repository.config_at(workspace.name, address, commit)
    return wanted_of(workspace, address, raw, where=f"{workspace.name}/{address} in commit {commit[:12]}")


def wanted_of(workspace: HasParameters, address: str, raw: bytes | None, *, where: str) -> JsonObject | None:
    """The part of a request that makes a component's config what a file says (None: that it is gone).

    None where the parameter store has that already; BadInput, naming `where`, for what is no JSON object.
    """
    stored = workspace.parameters.get(workspace.config_parameter(address))
    base = {"component": address, "base_version": stored.version if stored else 0}
    if raw is None:
        return {**base, "remove": True} if stored else None
    config, form = strictjson.parse_object_canonical(raw, where=where)
    if stored is None:
        return {**base, "create": config}
    if stored.value is not None and strictjson.canonical(_parsed(stored.value, address)) == form:
        return None
    return {**base, "replace": config}


def _parsed(value: str, address: str) -> JsonValue:
    return strictjson.parse(value.encode(), where=address)
