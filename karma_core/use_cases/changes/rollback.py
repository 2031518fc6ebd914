"""Rollback: a new change with the old content, planned and shown first.

A rollback takes back one change, or with it all that came after it on the same configs, or it brings a whole
cone to the configs that were last deployed with success. It restores configs, not module code or data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from karma_core import ids
from karma_core.changes.record import Change
from karma_core.changes.request import MAX_COMPONENTS, read_request
from karma_core.changes.states import may_be_taken_back
from karma_core.errors import Refused
from karma_core.json_types import JsonObject
from karma_core.needs import ChangeIntake, HasParameters
from karma_core.records import Applied
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.changes.register import Register, acting_for
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.graph.build import read_fleet


def roll_back(
    workspace: ChangeIntake,
    change_id: str,
    *,
    reason: str = "",
    include_later: bool = False,
    proceed: bool = False,
    dry_run: bool = False,
) -> Change:
    """Request the change that rolls another one back.

    Refused `nothing-written` where that one wrote no config, `later-versions` where its configs were written
    again since, unless `include_later` takes back every change that did so, whole.
    """
    register = Register(workspace)
    original = register.get(change_id).change
    _refuse_unwritten(original)
    later = [edit.address for edit in original.stands if _version(workspace, edit.address) != edit.written]
    if later and not include_later:
        raise Refused(
            f"change {change_id} cannot be rolled back alone",
            why=f"{', '.join(later)} has later versions",
            next_step="roll those changes back first, or include them with --include-later",
            code="later-versions",
            addresses=later,
        )
    undone = with_later(original, register.all()) if later else (original,)
    body = {
        "changes": _parts(workspace, _oldest(undone)),
        "reason": reason or f"rollback of {', '.join(change.id for change in undone)}",
        "dry_run": dry_run,
    }
    return request(
        acting_for(workspace, original),
        read_request(body),
        proceed=proceed,
        rollback_of=change_id,
        undoes=tuple(change.id for change in undone),
    )


def take_back_failed(workspace: ChangeIntake, change: Change) -> Change:
    """Request the rollback of a change whose deploy failed, once per failure, in that change's place."""
    body = {
        "changes": _parts(workspace, _oldest([change])),
        "reason": f"change {change.id} failed, and the policy rolls back",
        "requested_by": change.requested_by,
        "idempotency_key": f"rollback of {change.id} as of {change.last_event}",
    }
    place: dict[str, Any] = {"number": change.number, "rollback_of": change.id, "undoes": (change.id,)}
    return request(
        acting_for(workspace, change),
        read_request(body),
        proceed=True,
        asked_by=change.asked_by,
        proof=change.proof,
        **place,
    )


def roll_back_cone(
    workspace: ChangeIntake,
    address: str,
    *,
    reason: str = "",
    proceed: bool = False,
    dry_run: bool = False,
) -> Change:
    """Request the change that brings a component and all that depends on it to their last good configs.

    Those are the configs of their last successful deployments; a component that never had one is left alone.
    Refused `nothing-to-restore` where all of them are that already.
    """
    ids.Address.parse(address)
    fleet = read_fleet(workspace)
    good = _last_good(fleet, address)
    wanted = {member: config for member, config in good.items() if _differs(fleet, member, config)}
    if not wanted:
        raise _nothing_to_restore(
            f"the cone of {address} has the configs of its last successful deployments, or had none"
        )
    body = {
        "changes": _parts(workspace, wanted),
        "reason": reason or f"the cone of {address} to its last good versions",
        "dry_run": dry_run,
    }
    versions = {member: _version(workspace, member) for member in wanted}
    undoes = _standing(Register(workspace).all(), versions)
    return request(workspace, read_request(body), proceed=proceed, undoes=undoes)


def with_later(original: Change, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the change and those that must be rolled back with it, in the order of their writes.

    Each is taken back whole: a set that wrote one of the configs later brings its other configs along, and
    whatever was written to those after it.
    """
    written = sorted((c for c in changes if c.stands and c.wrote), key=lambda change: change.wrote)
    together = {original.id: original}
    since: dict[str, int] = {}
    grown = True
    while grown:
        for change in together.values():
            for edit in change.stands:
                since[edit.address] = min(change.wrote, since.get(edit.address, change.wrote))
        later = [c for c in written if any(since.get(e.address, c.wrote) < c.wrote for e in c.stands)]
        grown = any(change.id not in together for change in later)
        together |= {change.id: change for change in later}
    return tuple(sorted(together.values(), key=lambda change: change.wrote))


def _oldest(changes: Iterable[Change]) -> dict[str, JsonObject | None]:
    """Address → its config before the first of the changes, which stand in the order of their writes."""
    configs: dict[str, JsonObject | None] = {}
    for change in changes:
        for edit in change.stands:
            configs.setdefault(edit.address, edit.before)
    return configs


def _last_good(fleet: Fleet, address: str) -> dict[str, JsonObject | None]:
    """Address → config of its last successful deployment, in the cone of an address."""
    good: dict[str, JsonObject | None] = {}
    for member in sorted(fleet.graph.cone(address)):
        applied = fleet[member].applied
        config = _good_config(applied) if applied else None
        if config is not None:
            good[member] = config
    return good


def _good_config(applied: Applied) -> JsonObject | None:
    return applied.config if applied.succeeded else applied.good_config


def _differs(fleet: Fleet, address: str, wanted: JsonObject | None) -> bool:
    config = fleet[address].config
    return config is None or config.value != wanted


def _standing(changes: Iterable[Change], restored: Mapping[str, int]) -> tuple[str, ...]:
    """Return the ids of changes whose every write is being restored (address → current version)."""
    written = (change for change in changes if change.stands)
    return tuple(c.id for c in written if all(restored.get(e.address) == e.written for e in c.stands))


def _refuse_unwritten(original: Change) -> None:
    if may_be_taken_back(original.status, written=bool(original.stands)):
        return
    raise Refused(
        f"change {original.id} cannot be rolled back",
        why=f"a {original.kind} writes no config"
        if original.runs_only
        else f"it is {original.status} and none of its configs stand because of it",
        next_step="nothing has to be taken back",
        code="nothing-written",
    )


def _nothing_to_restore(why: str) -> Refused:
    return Refused(
        "there is nothing to restore",
        why=why,
        next_step="`karma change list` shows what was changed, `karma config show` the versions of a config",
        code="nothing-to-restore",
    )


def _parts(workspace: HasParameters, wanted: Mapping[str, JsonObject | None]) -> list[JsonObject]:
    """Return the request's parts that restore the wanted configs, without those already absent as wanted."""
    parts = (_part(workspace, address, wanted[address]) for address in sorted(wanted))
    present = [part for part in parts if part is not None]
    if not present:
        raise _nothing_to_restore("what was written is gone, and there was nothing before it")
    if len(present) > MAX_COMPONENTS:
        raise Refused(
            f"{len(present)} components cannot be rolled back in one change",
            why=f"a change holds at most {MAX_COMPONENTS}",
            next_step="roll the changes back one by one, the newest first",
            code="too-many-components",
        )
    return present


def _part(workspace: HasParameters, address: str, wanted: JsonObject | None) -> JsonObject | None:
    now = _version(workspace, address)
    base = {"component": address, "base_version": now}
    if wanted is None:
        return {**base, "remove": True} if now else None
    return {**base, ("replace" if now else "create"): wanted}


def _version(workspace: HasParameters, address: str) -> int:
    stored = workspace.parameters.get(workspace.config_parameter(address))
    return stored.version if stored else 0
