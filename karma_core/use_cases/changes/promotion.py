"""A config of one environment brought to another: as a change there, judged and planned there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from karma_core import strictjson
from karma_core.changes.record import Change, Promoted
from karma_core.errors import Refused, UsageError
from karma_core.use_cases import config_show
from karma_core.use_cases.binding import check_binding
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.config_show import ShownConfig
from karma_core.workspace import Workspace


def promote(
    source: Workspace,
    target: Workspace,
    address: str,
    *,
    only: Collection[str] = (),
    keep: Collection[str] = (),
    reason: str = "",
    proceed: bool = False,
    dry_run: bool = False,
    plan_here: bool = True,
) -> Change:
    """Request the change that gives a component of `target` the config that it has in `source`.

    With `only`, these top-level fields alone are taken; those in `keep` stay as the target has them. The
    request names the target's version that it was made from. NotFound where the source has no such config;
    Refused `secret-config`, or `nothing-to-promote` where both have the same.
    """
    if source.name == target.name:
        raise UsageError(
            f"{address} cannot be promoted from {source.name} to itself",
            next_step="name two environments: --from dev --to prod",
        )
    found = _shown(source, address)
    before, version = _held(target, address)
    after = _mixed(found.config, before or {}, only, keep)
    if before is not None and strictjson.canonical(after) == strictjson.canonical(before):
        raise Refused(
            f"there is nothing to promote of {address}",
            why=f"{target.name} has the same as version {found.version} of {source.name}",
            next_step="`karma config show` shows a config",
            code="nothing-to-promote",
        )
    body = {
        "component": address,
        "create" if before is None else "replace": after,
        "base_version": version,
        "reason": reason or f"promoted from {source.name}, version {found.version}",
        "requested_by": target.actor.user,
        "dry_run": dry_run,
    }
    origin = _origin(source, found)
    return request(target, body, proceed=proceed, plan_here=plan_here, promoted_from=origin)


def _shown(source: Workspace, address: str) -> ShownConfig:
    found = config_show.show(source, address)
    if found.config is None:
        raise Refused(
            f"{address} cannot be promoted from {source.name}",
            why="its config is a SecureString, which a change would show",
            next_step="publish it from Git, in each environment",
            code="secret-config",
        )
    return found


def _held(target: Workspace, address: str) -> tuple[dict[str, Any] | None, int]:
    """(the target's config, its version); (None, 0) where it has none. An unreadable one is judged later."""
    check_binding(target)
    stored = target.parameters.get(target.config_parameter(address))
    if stored is None:
        return None, 0
    value = stored.value and strictjson.parse(stored.value.encode(), where=stored.name)
    return value if isinstance(value, dict) else {}, stored.version


def _mixed(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], only: Collection[str], keep: Collection[str]
) -> dict[str, Any]:
    """The new config: theirs, but ours in the fields that are not to be taken."""
    known = theirs.keys() | ours.keys()
    unknown = sorted({*only, *keep} - known)
    if unknown:
        raise UsageError(
            f"neither environment's config has a field {unknown[0]!r}",
            why=f"there are {', '.join(sorted(known))}",
            next_step="name top-level fields",
        )
    taken = (set(only) or known) - set(keep)
    return {k: (theirs if k in taken else ours)[k] for k in known if k in (theirs if k in taken else ours)}


def _origin(source: Workspace, found: ShownConfig) -> Promoted:
    applied = source.state.applied(found.address)
    deployed = applied is not None and applied.status == "applied" and applied.config_version == found.version
    return Promoted(environment=source.name, version=found.version, deployed=deployed)
