"""Resolves a selection to components, and explains why one of them cannot be worked on."""

from __future__ import annotations

from collections.abc import Collection

from karma_core.errors import BadInput
from karma_core.ids import type_of
from karma_core.model import Record, Severity, about_type
from karma_core.needs import Selecting
from karma_core.plan import fingerprint
from karma_core.ports import Modules
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.selection.naming import excluded, named, require_some_left
from karma_core.use_cases.selection.record import Selection


class Choice(Record, frozen=True, kw_only=True):
    """A resolved selection: addresses of components that can be worked on.

    `included` are named, changed or all, with their cones and producers. `excluded` are all those that the
    exclusions name, among the meant ones or not.
    """

    included: frozenset[str]
    excluded: frozenset[str]

    @property
    def addresses(self) -> frozenset[str]:
        """The components to work on."""
        return self.included - self.excluded

    @property
    def taken_out(self) -> frozenset[str]:
        """The components that only the exclusions keep from being worked on."""
        return self.included & self.excluded


def select(workspace: Selecting, fleet: Fleet, selection: Selection) -> set[str]:
    """The addresses that a selection means; errors as `choose`."""
    return set(choose(workspace, fleet, selection).addresses)


def choose(workspace: Selecting, fleet: Fleet, selection: Selection) -> Choice:
    """Resolve a selection, cones included, to components that have a config and keep their name.

    UsageError `nothing-matches` or NotFound for a name that means nothing here, and where nothing is left.
    """
    changed = _changed(workspace, fleet, selection.since) if selection.changed else None
    return _choice(fleet, selection, workspace.name, changed)


def select_named(fleet: Fleet, selection: Selection, environment: str) -> set[str]:
    """As `select`, without Git: of a selection that does not ask for what has changed."""
    return set(_choice(fleet, selection, environment, None).addresses)


def _choice(fleet: Fleet, selection: Selection, environment: str, changed: set[str] | None) -> Choice:
    graph = fleet.graph
    if selection.everything:
        included = set(graph)
    else:
        wanted = named(selection, set(graph), environment=environment) if changed is None else changed
        included = _with_cones(fleet, wanted, selection)
    moved = set(fleet.moves.values())
    included = {a for a in included if fleet[a].config is not None and a not in moved}
    left_out = excluded(selection, set(graph), environment=environment)
    require_some_left(selection, included, left_out)
    return Choice(included=frozenset(included), excluded=frozenset(left_out))


def _with_cones(fleet: Fleet, wanted: set[str], selection: Selection) -> set[str]:
    """Return named or changed components with their cones, and with their producers if requested."""
    if not wanted:
        return set()
    cone = fleet.graph.cone(*wanted)
    return cone | fleet.graph.upstream(*wanted) if selection.with_producers else cone


def _changed(workspace: Selecting, fleet: Fleet, since: str | None) -> set[str]:
    """Components whose own part differs from what was applied; or whose config or module changed in Git."""
    if since is None:
        return {address for address in fleet.graph if changed_itself(fleet, address)}
    addresses, paths = workspace.repository.changed_since(workspace.name, since)
    types = {type_of(address) for address in fleet.graph}
    edited = {name for name in types if _is_edited(workspace.modules, name, paths)}
    return {a for a in fleet.graph if a in addresses or type_of(a) in edited}


def _is_edited(modules: Modules, component_type: str, paths: Collection[str]) -> bool:
    """Whether a changed path is part of the type's module, or a directory that holds a part of it.

    What an unreadable module loads is not known: where any path changed it counts as edited.
    """
    if not paths:
        return False
    try:
        parts = modules.parts(component_type)
    except BadInput:
        return True
    return any(_within(path, part) or _within(part, path) for path in paths for part in parts)


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")


def changed_itself(fleet: Fleet, address: str) -> bool:
    """Whether a component's own part differs from what was applied: config, module, variables, engine.

    So does one that was never applied, or whose last apply failed.
    """
    if fleet[address].config is None:
        return False
    return fingerprint.has_own_cause(fleet.inputs(address), fleet.deployed(address))


def why_blocked(fleet: Fleet, address: str) -> str:
    """The error, of the component or of something it needs, that stops it."""
    upstream = fleet.graph.upstream(address)
    names = upstream | {about_type(type_of(a)) for a in upstream}
    for finding in fleet.findings:
        if finding.severity is Severity.ERROR and finding.component in names:
            return finding.said
    return "the environment has an error; see `karma graph validate`"
