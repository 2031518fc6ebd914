"""Promotion: configs of one environment requested in another as one change, evaluated and planned there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from karma_core import strictjson
from karma_core.changes.record import Change, Promoted
from karma_core.changes.request import read_request
from karma_core.counting import listed
from karma_core.errors import Refused, UsageError
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.model import Record
from karma_core.needs import ChangeIntake, Context, HasParameters, HasState, PolicySource
from karma_core.use_cases.changes.intake import request
from karma_core.use_cases.configs import show as config_show
from karma_core.use_cases.configs.comparison import config_addresses
from karma_core.use_cases.configs.show import ShownConfig
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.selection.naming import excluded, is_pattern, local, named, require_some_left
from karma_core.use_cases.selection.record import Selection, require_selection


class Part(Record, frozen=True, kw_only=True):
    """One config of a promotion: in the source, in the target before (None: absent), and after."""

    shown: ShownConfig
    before: JsonObject | None
    version: int
    after: JsonObject

    @property
    def differs(self) -> bool:
        """Whether the promotion changes the target's config."""
        return self.before is None or strictjson.canonical(self.after) != strictjson.canonical(self.before)

    @property
    def requested(self) -> JsonObject:
        """The part of the change request for this config."""
        operation = "create" if self.before is None else "replace"
        return {"component": self.shown.address, operation: self.after, "base_version": self.version}


def promote(
    source: PolicySource,
    target: ChangeIntake,
    selection: Selection,
    *,
    only: Collection[str] = (),
    keep: Collection[str] = (),
    reason: str = "",
    proceed: bool = False,
    dry_run: bool = False,
) -> Change:
    """Request the one change that gives components of `target` the configs that they have in `source`.

    The selection names configs of `source`, without cones. With `only`, these top-level fields alone are
    taken; those in `keep` stay as the target has them. The request names the target's versions that it was
    made from; what is the same already is left out. NotFound or UsageError `nothing-matches` where the source
    has no such config; Refused `secret-config`, or `nothing-to-promote` where all are the same.
    """
    if source.name == target.name:
        raise UsageError(
            f"nothing can be promoted from {source.name} to itself",
            next_step="name two environments: --from dev --to prod",
        )
    check_binding(target)
    parts = [_part(source, target, address, only, keep) for address in _addresses(source, selection)]
    _require_fields(parts, {*only, *keep})
    wanted = [part for part in parts if part.differs]
    if not wanted:
        raise Refused(
            f"there is nothing to promote of {listed([part.shown.address for part in parts])}",
            why=f"{target.name} has the same as {source.name}",
            next_step="`karma config show` shows a config",
            code="nothing-to-promote",
        )
    origins = [_origin(source, part.shown) for part in wanted]
    body = {
        "changes": [part.requested for part in wanted],
        "reason": reason or _said(source, origins),
        "dry_run": dry_run,
    }
    one = origins[0] if len(origins) == 1 else None
    several = Promoted(environment=source.name, version=0, deployed=all(o.deployed for o in origins))
    return request(target, read_request(body), proceed=proceed, promoted_from=one or several)


def _addresses(source: HasParameters, selection: Selection) -> list[str]:
    """The addresses that a selection means among the source's configs, sorted.

    Where all are plain addresses, nothing is read.
    """
    require_selection(selection)
    if selection.changed or selection.with_producers:
        raise UsageError(
            "a promotion takes named components, types or all of them",
            why="it brings configs, whatever depends on them and whatever they need",
            next_step="name the components, or their types",
        )
    name = source.name
    plain = not (selection.everything or selection.types or selection.exclude)
    if plain and not any(is_pattern(target) for target in selection.targets):
        return sorted({local(target, name) for target in selection.targets})
    known, which = config_addresses(source), f"with a config in {name}"
    wanted = known if selection.everything else named(selection, known, environment=name, which=which)
    left_out = excluded(selection, known, environment=name, which=which)
    require_some_left(selection, wanted, left_out)
    return sorted(wanted - left_out)


def _part(
    source: HasParameters, target: HasParameters, address: str, only: Collection[str], keep: Collection[str]
) -> Part:
    shown = _shown(source, address)
    before, version = _held(target, address)
    after = _mixed(shown.config or {}, before or {}, only, keep)
    return Part(shown=shown, before=before, version=version, after=after)


def _require_fields(parts: Sequence[Part], chosen: set[str]) -> None:
    """UsageError for a chosen field that none of the configs has."""
    known = {field for part in parts for field in (*(part.shown.config or ()), *(part.before or ()))}
    unknown = sorted(chosen - known)
    if unknown:
        raise UsageError(
            f"neither environment's config has a field {unknown[0]!r}",
            why=f"there are {', '.join(sorted(known))}",
            next_step="name top-level fields",
        )


def _said(source: Context, origins: Sequence[Promoted]) -> str:
    if len(origins) == 1:
        return f"promoted from {source.name}, version {origins[0].version}"
    return f"{len(origins)} components promoted from {source.name}"


def _shown(source: HasParameters, address: str) -> ShownConfig:
    config = config_show.read_version(source, address)
    if config.config is None:
        raise Refused(
            f"{address} cannot be promoted from {source.name}",
            why="its config is a SecureString, which a change would show",
            next_step="publish it from Git, in each environment; of several, leave it out with --exclude",
            code="secret-config",
        )
    return config


def _held(target: HasParameters, address: str) -> tuple[JsonObject | None, int]:
    """(the target's config, its version); (None, 0) where it has none. An unreadable one is judged later."""
    stored = target.parameters.get(target.config_parameter(address))
    if stored is None:
        return None, 0
    value = stored.value and strictjson.parse(stored.value.encode(), where=stored.name)
    return value if isinstance(value, dict) else {}, stored.version


def _mixed(
    theirs: JsonMapping, ours: JsonMapping, only: Collection[str], keep: Collection[str]
) -> JsonObject:
    """Return the new config: the source's, with the target's value in fields that are not promoted."""
    known = theirs.keys() | ours.keys()
    taken = (set(only) or known) - set(keep)
    return {k: (theirs if k in taken else ours)[k] for k in known if k in (theirs if k in taken else ours)}


def _origin(source: HasState, config: ShownConfig) -> Promoted:
    applied = source.state.applied(config.address)
    deployed = applied is not None and applied.succeeded and applied.config_version == config.version
    return Promoted(environment=source.name, version=config.version, deployed=deployed)
