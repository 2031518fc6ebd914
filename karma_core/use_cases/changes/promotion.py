"""A config of one environment brought to another: as a change there, judged and planned there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from karma_core import strictjson
from karma_core.changes.record import Change, Promoted
from karma_core.errors import Refused, UsageError
from karma_core.use_cases import config_show
from karma_core.use_cases.binding import check_binding
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.config_comparison import stored_configs
from karma_core.use_cases.config_show import ShownConfig
from karma_core.use_cases.naming import is_pattern, named
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace


def promote(
    source: Workspace,
    target: Workspace,
    names: Sequence[str],
    *,
    only: Collection[str] = (),
    keep: Collection[str] = (),
    reason: str = "",
    proceed: bool = False,
    dry_run: bool = False,
    plan_here: bool = True,
) -> Change:
    """Request the one change that gives components of `target` the configs that they have in `source`.

    `names` are addresses or patterns of them, in `source`. With `only`, these top-level fields alone are
    taken; those in `keep` stay as the target has them. The request names the target's versions that it was
    made from; what is the same already is left out. NotFound where the source has no such config; Refused
    `secret-config`, or `nothing-to-promote` where all are the same.
    """
    if source.name == target.name:
        raise UsageError(
            f"nothing can be promoted from {source.name} to itself",
            next_step="name two environments: --from dev --to prod",
        )
    addresses = _addresses(source, names)
    parts = [_part(source, target, address, only, keep) for address in addresses]
    wanted = [part for part in parts if part is not None]
    if not wanted:
        raise Refused(
            f"there is nothing to promote of {', '.join(addresses[:5])}",
            why=f"{target.name} has the same as {source.name}",
            next_step="`karma config show` shows a config",
            code="nothing-to-promote",
        )
    origins = [origin for _, origin in wanted]
    body = {
        "changes": [part for part, _ in wanted],
        "reason": reason or _said(source, origins),
        "dry_run": dry_run,
    }
    one = origins[0] if len(origins) == 1 else None
    several = Promoted(environment=source.name, version=0, deployed=all(o.deployed for o in origins))
    return request(target, body, proceed=proceed, plan_here=plan_here, promoted_from=one or several)


def _addresses(source: Workspace, names: Sequence[str]) -> list[str]:
    """The addresses that the names mean, sorted; patterns among the source's configs."""
    if not any(is_pattern(name) for name in names):
        return sorted(set(names))
    selection = Selection(targets=tuple(names))
    return sorted(named(selection, stored_configs(source), environment=source.name))


def _part(
    source: Workspace, target: Workspace, address: str, only: Collection[str], keep: Collection[str]
) -> tuple[dict[str, Any], Promoted] | None:
    """(the part of the request on one component, where its config comes from); None where nothing differs."""
    shown = _shown(source, address)
    before, version = _held(target, address)
    after = _mixed(shown.config, before or {}, only, keep)
    if before is not None and strictjson.canonical(after) == strictjson.canonical(before):
        return None
    way = "create" if before is None else "replace"
    return {"component": address, way: after, "base_version": version}, _origin(source, shown)


def _said(source: Workspace, origins: Sequence[Promoted]) -> str:
    if len(origins) == 1:
        return f"promoted from {source.name}, version {origins[0].version}"
    return f"{len(origins)} components promoted from {source.name}"


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
